"""Sentence and advice of causes of served rows whose categories are encoded differently, or not at all."""

from __future__ import annotations

from keras_consistency_cli.checks.analysis.scalers.unknown_categories import find_misspelled
from keras_consistency_cli.checks.analysis.served.kinds import (
    ENCODED_BY_ROW,
    LOST_CATEGORIES,
    NOT_FILLED,
    SHIFTED_CODES,
)
from keras_consistency_cli.checks.base import Evidence
from keras_consistency_cli.diagnosis.base import CauseTexts
from keras_consistency_cli.diagnosis.texts.own_mistakes import are_of_kinds, own_mistakes

__all__ = ["OTHER_VOCABULARY", "specific_codes", "specific_filling", "specific_words"]

_FLAG = 2
_SHIFTED_CODES = CauseTexts(
    sentence="serving counts category codes from a different start: each one is that of another category",
    advice=(
        "reserve the same codes as training for padding, unknown words and the start, such as index_from of "
        "keras.datasets, the oov_token of a Tokenizer, or num_oov_indices and mask_token of a lookup layer:\n"
        "    ids = [FIRST_ID + word_index[word] if word in word_index else UNKNOWN for word in words]"
    ),
)
_TOKENIZER = CauseTexts(
    sentence="serving numbers the words of each text again: a word has a different id from text to text",
    advice=(
        "save the vocabulary of training with the model, and look the words up in it; never fit a tokenizer "
        "on the text of a request:\n"
        "    ids = [vocabulary.get(word, UNKNOWN) for word in words]"
    ),
)
OTHER_VOCABULARY = CauseTexts(
    sentence="serving numbers the words by another vocabulary than the lookup inside the model",
    advice=(
        "give the texts to the model, which looks them up itself; if serving needs the ids, take them from "
        "the lookup of the saved model, and never build a vocabulary again:\n"
        "    vocabulary = model.get_layer(NAME).get_vocabulary()      # the id of a word is its place here"
    ),
)
_WITH_CATEGORIES = (
    "    frame['city'] = pandas.Categorical(frame['city'], categories=training_categories)\n"
    "    x = pandas.get_dummies(frame)"
)
_LOST_CATEGORIES = CauseTexts(
    sentence=(
        "serving encodes only the categories of its own rows: absent ones have no column, and later columns "
        "are in the wrong place"
    ),
    advice=(
        "encode with the categories of training: call transform of the saved encoder, and never fit it "
        "again; pandas.get_dummies knows only the categories of its rows unless they are given:\n"
        f"{_WITH_CATEGORIES}"
    ),
)
_FLAGS = CauseTexts(
    sentence="serving does not set the columns of 0 and 1 that stand for categories: all rows have the same",
    advice=(
        "encode with the categories of training, in their spelling. OneHotEncoder(handle_unknown='ignore') "
        "gives zeros for 'paris' in place of 'Paris'. pandas.get_dummies of one request knows only its own "
        f"categories, and reindex(fill_value=0) hides that:\n{_WITH_CATEGORIES}"
    ),
)
_ONE_ROW = CauseTexts(
    sentence="serving feeds the same row for every request",
    advice=(
        "look for what makes all requests alike: a scaler or an encoder that is fitted on the one row of "
        "a request gives zeros for any row, and a default may stand in for a row that cannot be read"
    ),
)
_NOT_FINITE = CauseTexts(
    sentence="serving feeds NaN or infinity where the rows hold numbers",
    advice=(
        "look for what has no value when serving: a key that is missing, a join that finds nothing, "
        "to_numeric(errors='coerce') or a division by zero. Fill it as in training, or refuse the request:\n"
        "    if not np.isfinite(x).all():\n"
        "        raise ValueError('a feature has no value')"
    ),
)
_CATEGORIES = CauseTexts(
    sentence="categories are spelled differently than in training: the encoder takes them for unknown ones",
    advice=(
        "write categories as in training, with the function that training used; if they are new ones, fit "
        "the encoder on them and train again"
    ),
)
_NO_CATEGORY = CauseTexts(
    sentence="the encoder knows hardly any value of a column: it takes all of them for unknown ones",
    advice=_CATEGORIES.advice,
)


def specific_words(evidence: Evidence) -> CauseTexts | None:
    """The categories of an encoder are no vocabulary of a layer."""
    scaling = evidence.data.description.scaling
    if find_misspelled(scaling):
        return _CATEGORIES
    return _NO_CATEGORY if scaling is not None and any(each.is_unlike for each in scaling.unknown) else None


def specific_codes(evidence: Evidence) -> CauseTexts | None:
    """Codes that all differ by one number were not assigned again."""
    own = own_mistakes(evidence, "codes-refit")
    if are_of_kinds(own, ENCODED_BY_ROW):
        return _TOKENIZER
    if are_of_kinds(own, LOST_CATEGORIES):
        return _LOST_CATEGORIES
    if own and {each.input for each in own} <= {fact.name for fact in evidence.facts.lookups}:
        return OTHER_VOCABULARY
    return _SHIFTED_CODES if are_of_kinds(own, SHIFTED_CODES) else None


def specific_filling(evidence: Evidence) -> CauseTexts | None:
    """Rows with NaN, rows that are all alike, and columns of 0 and 1 that stand for categories."""
    found = own_mistakes(evidence, NOT_FILLED)
    if found and not any(each.is_finite for each in found):
        return _NOT_FINITE
    own = tuple(each for each in found if each.kind == "constant")
    if not own:
        return None
    right = {rows.input: rows.columns for rows in evidence.data.description.fed}
    columns = [
        right[each.input][at] for each in own for at in each.columns if at < len(right.get(each.input, ()))
    ]
    if len(columns) == sum(map(len, right.values())) > 1:
        return _ONE_ROW
    is_flag = [column.distinct == _FLAG and (column.low, column.high) == (0, 1) for column in columns]
    return _FLAGS if len(is_flag) > 1 and all(is_flag) else None
