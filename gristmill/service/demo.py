"""gristmill demo: the embedded snapshots through the whole mill, driven by a real scheduler."""

from __future__ import annotations

import argparse
import signal
import time
from datetime import date
from pathlib import Path

from gristmill import ledger
from gristmill.catalogue import Catalogue
from gristmill.errors import UserError
from gristmill.lake import Lake
from gristmill.mixes import Mix, load_mix, missing, request_id
from gristmill.process import say
from gristmill.profile import PROJECT, Profile, load_profile, profile_option
from gristmill.promote import promoted
from gristmill.service import backfill, control
from gristmill.service.client import JSON, Client, ServiceError
from gristmill.service.home import USER, Home
from gristmill.service.watch import Watch
from gristmill.status import render, summary

HELP = "run the embedded crawl end to end: corpus, model, evaluation"

SNAPSHOTS = {"embedded-A": date(2026, 1, 5), "embedded-B": date(2026, 2, 2)}
TRIGGER_SECONDS = 60.0


class RunFailed(UserError):
    """A run is red; the message names the task and ends with its log."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Only the profile."""
    parser.add_argument("--profile", default="demo", help="a profile whose mix is the embedded snapshots")


def run(args: argparse.Namespace) -> int:
    """0 only if every run is green."""
    began = time.monotonic()
    profile = load_profile(args.profile)
    lake, mix = Lake.open(profile), load_mix(profile.mix)
    register(lake, PROJECT / "data" / "crawl" / "embedded")
    if finished(lake, mix):
        say("all snapshots are released and their model is promoted already; nothing was redone")
    else:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        _drive(profile, lake, mix)
    say(f"\n{render(summary(lake, profile_option(profile)))}")
    say(f"Reports: {profile.work_dir / 'reports'}")
    say(f"UI:      make up    (prints its address; user {USER}, password in {Home(profile).passwords})")
    say(f"done in {time.monotonic() - began:.0f} s")
    return 0


def register(lake: Lake, crawl: Path) -> None:
    """Enter the embedded snapshots that the catalogue lacks."""
    known = Catalogue(lake).dates()
    for key, day in SNAPSHOTS.items():
        if key not in known:
            files = sorted((crawl / key.replace("embedded", "snapshot")).glob("*.warc.gz"))
            Catalogue(lake).add(key, day, files)
            say(f"catalogue: added {key} ({day}, {len(files)} files)")


def finished(lake: Lake, mix: Mix) -> bool:
    """Whether all snapshots of the mix are released and the model of exactly these releases is promoted."""
    if missing(lake, mix):
        return False
    model = promoted(lake, mix.name)
    return model is not None and ledger.newest_output(lake, request_id(lake, mix), "model") == model.digest


def _drive(profile: Profile, lake: Lake, mix: Mix) -> None:
    """Start Airflow unless it runs, backfill what is not released, follow the pretraining; stop what was started."""
    home = Home(profile)
    here = control.running(home) is None
    say("airflow: starting" if here else "airflow: running already")
    try:
        service = control.start(home)
        say(f"airflow: ready; watch it at {service.url} (user {USER}, password in {home.passwords})")
        client = service.client(home)
        watch = Watch(client)
        if absent := missing(lake, mix):
            _backfill(client, watch, absent)
        _pretrain(client, watch, request_id(lake, mix))
    finally:
        if here:
            say("airflow: stopping")
            control.stop(home)


def _backfill(client: Client, watch: Watch, absent: list[str]) -> None:
    """Run the snapshots that are not released; one that an interrupted demo left under way is followed."""
    days = [SNAPSHOTS[key] for key in absent]
    try:
        backfill.start_backfill(client, min(days), max(days), "completed")
    except ServiceError as error:
        if error.status != 409:
            raise
        watch.say("a backfill is under way already; following it")
        client.unpause(backfill.DAG)

    def newest() -> list[JSON]:
        by_key: dict[str, JSON] = {}
        for each in client.runs(backfill.DAG):
            by_key.setdefault(each["partition_key"], each)
        return [by_key[key] for key in absent if key in by_key]

    for each in watch.until_final(backfill.DAG, newest, wanted=len(absent)):
        _require_green(client, backfill.DAG, each)


def _pretrain(client: Client, watch: Watch, run_id: str) -> None:
    """Follow the run that corpus_ready starts. Where its event is long past, start it; where it failed, repeat it."""
    deadline = time.monotonic() + TRIGGER_SECONDS

    def found() -> list[JSON]:
        return [each for each in client.runs("pretrain") if each["dag_run_id"] == run_id]

    while not found() and time.monotonic() < deadline and _announcing(client):
        time.sleep(0.5)
    if not (runs := found()):
        watch.say(f"pretrain {run_id}: started by hand, since no release announced it")
        client.trigger("pretrain", run_id)
    elif runs[0]["state"] == "failed":
        watch.say(f"pretrain {run_id}: failed before; running what failed again")
        client.clear_failed("pretrain", run_id)
    _require_green(client, "pretrain", watch.until_final("pretrain", found)[0])


def _announcing(client: Client) -> bool:
    """Whether a release of this Airflow's own runs is, or will be, looked at by corpus_ready."""
    released = [each for each in client.runs(backfill.DAG) if each["state"] == "success"]
    looked_at = [each for each in client.runs("corpus_ready") if each["state"] in ("success", "failed")]
    return len(looked_at) < len(released)


def _require_green(client: Client, dag: str, run: JSON) -> None:
    if run["state"] == "success":
        return
    run_id = run["dag_run_id"]
    for task in client.tasks(dag, run_id):
        if task["state"] == "failed":
            log = "\n".join(f"  {line}" for line in client.log(dag, run_id, task["task_id"], task["try_number"])[-15:])
            raise RunFailed(f"{dag} {run_id} is red: {task['task_id']} failed. The end of its log:\n{log}")
    raise RunFailed(f"{dag} {run_id} is {run['state']}")
