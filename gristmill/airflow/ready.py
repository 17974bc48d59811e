"""Is the mix of the profile complete, and which run of `pretrain` does it ask for?"""

from __future__ import annotations

import logging

from gristmill.lake import Lake, sha256_json
from gristmill.mixes import load_mix, missing, mix_releases
from gristmill.profile import load_profile

log = logging.getLogger(__name__)


def pretrain_run_id(mix_name: str, releases: list[tuple[str, str]]) -> str:
    """The same releases of a mix are the same run, however often they are announced."""
    return f"{mix_name}-{sha256_json(sorted(releases))[:16]}"


def requested_run() -> str | None:
    """Run id of the pretraining that the complete mix asks for; None when it is incomplete or not to start."""
    profile = load_profile()
    lake, mix = Lake.open(profile), load_mix(profile.mix)
    if absent := missing(lake, mix):
        log.info("mix '%s' waits for the release of %s", mix.name, ", ".join(absent))
        return None
    run_id = pretrain_run_id(mix.name, [(r.snapshot, r.digest) for r in mix_releases(lake, mix)])
    if not mix.auto_start:
        log.info("mix '%s' is complete; auto_start is off, so trigger pretrain by hand when you want it", mix.name)
        return None
    log.info("mix '%s' is complete: pretraining run %s", mix.name, run_id)
    return run_id
