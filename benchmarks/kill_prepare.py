"""Kill prepare at random moments, again and again: it ends with the store that was never killed, bit for bit.

python benchmarks/kill_prepare.py [--seconds 120] [--seed N] [--work FOLDER]

Each round prepares the same raw files (HDF5 like cms-ecal's) with other options. The process, one of its workers, or
all of them get SIGKILL after a random time; the same call is made again, killed again, and at last left alone. The last
line is one JSON object: rounds, deaths, in which state they left the store, and faults, which must be none.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from pidcam.formats import reader
from pidcam.store.manifest import NAME
from pidcam.verbs.prepare import prepare
from prepare import children, write_raw

OPTIONS: list[dict[str, Any]] = [
    {},
    {"split": "folds:4", "seed": 3},
    {"select": "hits > 40 and energy > 30", "mix": "photon=1,electron=2"},
    {"reweight": "energy:10", "float16": True, "storage": "ecal=dense"},
    {"steps": "threshold minimum=0.002", "limit": 700, "split": "0.6/0.4"},
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--work", type=Path, help="folder for raw files and stores (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = study(options.seconds, random.Random(options.seed), options.work or Path(temporary))
    print(json.dumps({"seed": options.seed, **result}))
    sys.exit(bool(result["faults"]))


def study(seconds: float, draw: random.Random, work: Path) -> dict[str, Any]:
    work.mkdir(parents=True, exist_ok=True)
    files = write_raw(4000, 50, work)
    reader.READ_BYTES = 1 << 20  # many pieces
    references: dict[int, dict[str, bytes]] = {}
    needs: dict[tuple[int, int], float] = {}
    rounds, deaths, faults = 0, Counter[str](), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        number = draw.randrange(len(OPTIONS))
        out = work / "store"
        if number not in references:
            whole = work / f"reference{number}"
            prepare("cms-ecal", files, whole, workers=1, shard_events=300, **OPTIONS[number])
            references[number] = content(whole)
            for workers in (1, 2):  # in a process like those that are killed: all is compiled by now
                shutil.rmtree(out, ignore_errors=True)
                begin = time.monotonic()
                outcome(start(files, out, number, workers))
                needs[number, workers] = time.monotonic() - begin
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(draw.randrange(1, 8)):
            state = killed_once(files, out, number, draw, needs)
            deaths[state] += 1
        code = outcome(start(files, out, number, 1))
        rounds += 1
        if code or content(out) != references[number]:
            faults.append({"round": rounds, "options": OPTIONS[number], "exit": code})
    return {"rounds": rounds, "deaths": sum(deaths.values()), "found": dict(deaths), "faults": faults}


def start(files: list[Path], out: Path, number: int, workers: int) -> int:
    """prepare in a forked process, the leader of a group."""
    if (pid := os.fork()) == 0:
        os.setpgid(0, 0)
        code = 1
        try:
            prepare("cms-ecal", files, out, workers=workers, shard_events=300, **OPTIONS[number])
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    return pid


def outcome(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed_once(
    files: list[Path], out: Path, number: int, draw: random.Random, needs: dict[tuple[int, int], float]
) -> str:
    """Start, kill somebody within the time that the work takes, and say what was left."""
    workers = 2 if draw.random() < 0.2 else 1
    pid = start(files, out, number, workers)
    time.sleep(draw.uniform(0, needs[number, workers]))
    victims = children(pid)
    if victims and draw.random() < 0.5:
        kill(draw.choice(victims))  # the parent says so and ends
        time.sleep(0.2)
    if draw.random() < 0.5:
        kill(pid)
    else:
        kill(-pid)
    outcome(pid)
    time.sleep(0.3 if workers > 1 else 0)  # workers notice that their parent is gone
    if not out.exists():
        return "nothing"
    if (out / NAME).exists():
        return "finished"
    return "writing shards" if list(out.glob("*.arrow")) else "reading"


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        (os.killpg if pid < 0 else os.kill)(abs(pid), signal.SIGKILL)


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


if __name__ == "__main__":
    main()
