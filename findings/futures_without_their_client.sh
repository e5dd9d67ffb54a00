#!/usr/bin/env bash
# wait() and as_completed() fail for futures of a Dask client that is not the default one, although each future knows its client.
#
# distributed 2026.8.0: Client(..., set_as_default=False) keeps a library from changing the default of its caller. result() and
# client.gather() of its futures work. wait() and as_completed() ask for the default client and raise "No clients found", which
# names a missing connection as the cause; if the caller has a default client of a different cluster, that one is asked.
#
# Seen: ValueError: No clients found, from both; with loop=client.loop, as_completed yields the futures
# Way out: as_completed(futures, loop=client.loop), or `with client.as_current():` around the call
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python=${FINDING_VENV:-$folder/venv}/bin/python
if [ ! -x "$python" ]; then
    python3 -m venv "$folder/venv"
    "$python" -m pip install --quiet --disable-pip-version-check distributed==2026.8.0 dask==2026.8.0
fi
cd "$folder"
"$python" - <<'EOF'
import distributed
from distributed import Client, LocalCluster, as_completed, wait


def first_line(act):
    try:
        return f"no error, {act()}"
    except ValueError as error:
        return f"ValueError: {str(error).splitlines()[0]}"


with (
    LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
    Client(cluster, set_as_default=False) as client,
):
    futures = client.map(abs, [-1, -2, -3])
    gathered = client.gather(futures)
    problems = {first_line(lambda: list(as_completed(futures))), first_line(lambda: wait(futures))}
    found = sorted(each.result() for each in as_completed(futures, loop=client.loop))
    with client.as_current():
        current = sorted(each.result() for each in as_completed(futures))
    owners = {each.client is client for each in futures}
print(f"distributed {distributed.__version__}: {problems}; with the loop {found}; futures know their client: {owners}")
assert problems == {"ValueError: No clients found"}
assert gathered == found == current == [1, 2, 3]
assert owners == {True}
EOF
