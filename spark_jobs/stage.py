"""What every Spark stage shares: its context, its ledger attempt, its start as a process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from gristmill import ledger
from gristmill.catalogue import Catalogue
from gristmill.lake import Lake, LakeError
from gristmill.ledger import Attempt
from gristmill.process import resolve_inputs, say, stage_parser, write_result
from gristmill.profile import Profile, load_profile
from gristmill.settings import Settings
from gristmill.units import Tasks, in_process
from spark_jobs.annotate_config import registry_of
from spark_jobs.policies.loading import load_policy
from spark_jobs.session import spark_tasks


@dataclass(frozen=True)
class StageContext:
    """`scope` is a snapshot id or, for mixes, a run; `inputs` maps dataset names to digests."""

    lake: Lake
    profile: Profile
    scope: str
    inputs: Mapping[str, str]
    tasks: Tasks
    run_id: str = "manual"

    @contextmanager
    def attempt(self, stage: str, config: Settings) -> Iterator[Attempt]:
        """A ledger attempt at `stage`; says its summary at the end."""
        dump = config.model_dump(mode="json")
        say(f"{stage} {self.scope}: started")
        with ledger.attempt(
            self.lake, stage=stage, scope=self.scope, config=dump, inputs=self.inputs, run_id=self.run_id
        ) as attempt:
            yield attempt
        say(f"{stage} {self.scope}: {attempt.summary}")


_CORPUS = "corpus."


def corpus_inputs(corpora: Mapping[str, str]) -> dict[str, str]:
    """Input names of the corpora (snapshot -> digest) that a mix was made of."""
    return {_CORPUS + snapshot: digest for snapshot, digest in corpora.items()}


def mixed_corpora(lake: Lake, mix: str, scope: str) -> dict[str, str]:
    """snapshot -> digest of the corpus that was mixed, as the mix's provenance says; raises LakeError.

    Other corpora may give the same mix: the newest attempt of this scope counts, else the newest of all.
    """
    found = [json.loads(lake.storage.get(key) or b"{}") for key in lake.storage.list(f"provenance/{mix}")]
    newest = max(found, key=lambda made: (made.get("scope") == scope, made.get("attempt", "")), default=None)
    inputs: dict[str, str] = newest.get("inputs", {}) if newest else {}
    corpora = {name.removeprefix(_CORPUS): each for name, each in inputs.items() if name.startswith(_CORPUS)}
    if not corpora:
        raise LakeError(f"nothing says which corpora the mix {mix[:12]} was made of; mix again")
    return corpora


def stage_main(
    name: str,
    description: str,
    inputs: tuple[str, ...],
    run: Callable[[StageContext], Attempt],
    argv: list[str] | None,
    small: Callable[[Profile, Lake, Mapping[str, str]], bool] = lambda profile, lake, inputs: False,
) -> None:
    """Run a snapshot stage as a process: arguments, inputs, Spark session, result file.

    `small` says of the inputs that one process is done with them sooner than Spark starts.
    """
    args = stage_parser(description).parse_args(argv)
    profile = load_profile(args.profile)
    lake = Lake.open(profile)
    # Asked before Spark starts: a misspelt snapshot, and a policy that a later stage could not apply.
    Catalogue(lake).get(args.snapshot)
    load_policy(profile.policy, registry_of(profile))
    digests = resolve_inputs(lake, args.snapshot, args.input, inputs)
    with (
        nullcontext(in_process)
        if small(profile, lake, digests)
        else spark_tasks(profile, f"{name} {args.snapshot}") as tasks
    ):
        attempt = run(StageContext(lake, profile, args.snapshot, digests, tasks, args.run_id))
    write_result(args.result, attempt.outputs, attempt.summary)
