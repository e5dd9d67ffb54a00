#!/usr/bin/env bash
# distributed.as_completed fails for futures of a client that is not the default one, although each future knows its client.
#
# distributed 2026.8.0: Client(..., set_as_default=False) keeps a library from changing the default of its caller. wait() and
# gather() of its futures work, because they ask the futures for their client. as_completed() asks for the default client and
# raises "No clients found", which names a missing connection as the cause.
#
# Seen: ValueError: No clients found; with loop=client.loop the futures are yielded
# Way out: as_completed(futures, loop=client.loop)
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

with (
    LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster,
    Client(cluster, set_as_default=False) as client,
):
    futures = client.map(abs, [-1, -2, -3])
    wait(futures)
    gathered = client.gather(futures)
    try:
        problem = f"no error: {[each.result() for each in as_completed(futures)]}"
    except ValueError as error:
        problem = f"ValueError: {str(error).splitlines()[0]}"
    found = sorted(each.result() for each in as_completed(futures, loop=client.loop))
    owners = {each.client is client for each in futures}
print(f"distributed {distributed.__version__}: as_completed {problem}; with the loop {found}; futures know their client: {owners}")
assert problem == "ValueError: No clients found"
assert gathered == found == [1, 2, 3]
assert owners == {True}
EOF
