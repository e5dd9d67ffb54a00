"""Web frameworks: what a user sends, and functions that are called for each request."""

from __future__ import annotations

from keras_consistency_cli.checks.code.engine.machine import Call, Machine
from keras_consistency_cli.checks.code.library.handlers import Handlers, nothing
from keras_consistency_cli.checks.code.values.value import Function, Mark, Prepared, Value

__all__ = ["WEB"]

_TEXTS = ("text_input", "text_area", "chat_input")
_NUMBERS = ("number_input", "slider")
_OTHERS = (
    "selectbox",
    "radio",
    "multiselect",
    "date_input",
    "file_uploader",
    "camera_input",
    "checkbox",
    "select_slider",
    "data_editor",
    "audio_input",
    "toggle",
    "form_submit_button",
    "button",
)


def _typed(machine: Machine, call: Call) -> Value:
    """st.text_input(...): what the user typed."""
    name = call.name.rpartition(".")[2]
    kind = "number" if name in _NUMBERS else ""
    return Value(
        kind=kind, marks=frozenset({Mark("request")}), rank=0 if name in (*_NUMBERS, *_TEXTS) else None
    )


def _component(machine: Machine, call: Call) -> Value:
    """A component of Gradio; functions among its arguments are called for each request."""
    given = [value.ref for value in call.arguments.all()]
    given = [ref.function.ref if isinstance(ref, Prepared) else ref for ref in given]
    machine.callbacks += [ref for ref in given if isinstance(ref, Function)]
    return Value(kind="component")


def _depends(machine: Machine, call: Call) -> Value:
    """Depends(function): what the function returns is passed to the request handler."""
    return Value(kind="depends", ref=call.arguments.get(0, "dependency").ref)


WEB: Handlers = {
    "fastapi.Depends": _depends,
    "fastapi.Security": _depends,
    **{f"streamlit.{name}": _typed for name in (*_TEXTS, *_NUMBERS, *_OTHERS)},
    "gradio.*": _component,
    "flask.jsonify": nothing,
    "flask.render_template": nothing,
}
