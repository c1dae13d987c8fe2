"""The cmsDriver.py options of the three steps, from a calibration's YAML.

Knows cmsDriver's options (Configuration/Applications/python/cmsDriverOptions.py in
cms-sw/cmssw); what a job adds by itself, input and output files, is not here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from condorloop.config.calibration import Calibration
from condorloop.config.site import Parameters
from condorloop.config.stream import Stream

Options = list[tuple[str, str]]
"""Option and value, in the order in which they are typed; a flag has the value ''."""


def reco_options(stream: Stream, parameters: Parameters) -> Options:
    """RAW to RECO: ``cmsDriver.py expressStep2``."""
    step = stream.reco
    options = [
        ("--conditions", parameters.global_tag),
        ("-s", step.step),
        ("--datatier", step.datatier),
        ("--eventcontent", step.eventcontent),
        ("--data", ""),
        ("--process", step.process),
    ]
    if step.proc_modifier:
        options.append(("--procModifier", step.proc_modifier))
    return [
        *options,
        ("--scenario", step.scenario),
        ("--era", step.era),
        ("--nThreads", str(step.threads)),
        ("--nStreams", str(step.streams)),
        *_customised(step.customise),
        ("-n", "-1"),
    ]


def alca_options(stream: Stream, parameters: Parameters) -> Options:
    """RECO to ALCARECO: ``cmsDriver.py expressStep3``."""
    driver = stream.alca.cms_driver
    return [
        ("--conditions", parameters.global_tag),
        ("-s", driver.step),
        ("--datatier", "ALCARECO"),
        ("--eventcontent", "ALCARECO"),
        ("--triggerResultsProcess", driver.trigger_results_process),
        ("--nThreads", str(stream.reco.threads)),
        ("--nStreams", str(stream.reco.streams)),
        *_customised(driver.customise),
        ("-n", "-1"),
    ]


def harvest_options(calibration: Calibration, parameters: Parameters) -> Options:
    """ALCARECO to a payload: ``cmsDriver.py expressStep4``."""
    driver = calibration.harvest.cms_driver
    return [
        ("--conditions", parameters.global_tag),
        ("-s", driver.step),
        ("--scenario", driver.scenario),
        ("--data", ""),
        *_customised(driver.customise),
        ("-n", "-1"),
    ]


def recipe_digest(stream: Stream, parameters: Parameters) -> str:
    """Give a digest of what RECO and ALCA make: release, global tag, options, appended lines."""
    driver = stream.alca.cms_driver
    recipe = {
        "release": parameters.release,
        "global_tag": parameters.global_tag,
        "reco": [reco_options(stream, parameters), stream.reco.config_mods],
        "alca": [alca_options(stream, parameters), driver.config_mods, driver.cleanup_command],
    }
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:16]


def _customised(functions: Sequence[str]) -> Options:
    return [("--customise", ",".join(functions))] if functions else []
