"""The verdict as JUnit XML: a test case for every primary test, for continuous integration."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from netspec.validation.campaign.summary import Summary
from netspec.validation.judge.comparison import Outcome
from netspec.validation.ladder.report import LEVELS

KINDS = {"failed": "failure", "skipped": "skipped"}  # status of a rung -> element
FORBIDDEN = r"[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # in XML 1.0


def clean(text: str) -> str:
    """Return a text without characters that XML does not have."""
    return re.sub(FORBIDDEN, "?", text)


def document(summary: Summary) -> str:
    """Return JUnit XML.

    Equivalent passes, different and inconsistent fail; what proves nothing (inconclusive,
    consistent) is skipped, so that a reader of the counts sees it. Rungs of the ladder fail if
    they broke and are skipped if they could not be asked. Runs that failed are errors.
    """
    root = ET.Element("testsuites", name="netspec")
    network = summary.network.name
    for comparison in summary.decisive:
        pair = f"{comparison.reference}-{comparison.other}"
        suite = ET.SubElement(root, "testsuite", name=f"{network}.{pair}")
        if comparison.verdict is None:
            case = ET.SubElement(suite, "testcase", classname=f"{network}.{pair}", name="runs")
            ET.SubElement(case, "error", type="impossible", message=clean(comparison.error or ""))
            continue
        for test in comparison.verdict["tests"]:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{network}.{pair}.{test['population']}",
                name=test["statistic"],
            )
            code = Outcome(test["outcome"]).exit_code
            if code:
                kind = "failure" if code == 1 else "skipped"
                text = f"{test['outcome']}: {test['text']}"
                ET.SubElement(case, kind, type=test["outcome"], message=clean(text))
    if summary.ladder is not None:
        suite = ET.SubElement(root, "testsuite", name=f"{network}.ladder")
        for rung in summary.ladder["rungs"]:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{network}.ladder.{rung['backend']}",
                name=f"{rung['level']} {LEVELS[rung['level']]}",
            )
            if rung["status"] in KINDS:
                kind = KINDS[rung["status"]]
                ET.SubElement(case, kind, type=rung["status"], message=clean(rung["reason"]))
    suite = ET.SubElement(root, "testsuite", name=f"{network}.runs")
    for run in summary.runs:
        angle = run.cue_angle
        case = ET.SubElement(
            suite,
            "testcase",
            classname=f"{network}.{run.backend}",
            name=f"seed {run.seed}" + ("" if angle is None else f", cue at {angle:g} deg"),
        )
        if run.error:
            ET.SubElement(case, "error", type="run", message=clean(run.error))
    for suite in root:
        for counted, tag in (("failures", "failure"), ("skipped", "skipped"), ("errors", "error")):
            suite.set(counted, str(len(suite.findall(f"testcase/{tag}"))))
        suite.set("tests", str(len(suite)))
    ET.indent(root)
    # names of simulators and networks come from files of others
    text = clean(ET.tostring(root, encoding="unicode"))
    return f'<?xml version="1.0" encoding="utf-8"?>\n{text}\n'
