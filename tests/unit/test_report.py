"""The page of a validation: what it says, that it is closed, and that a browser shows it."""

import base64
import itertools
import os
import re
import shutil
import subprocess
import sys
import time
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import reporting

import netspec
from netspec.errors import UsageError
from netspec.validation.campaign.request import BackendRequest, ValidationRequest
from netspec.validation.campaign.summary import load_summary
from netspec.validation.campaign.validating import judge_existing, validate
from netspec.validation.judge.comparing import Judged
from netspec.validation.judge.looks import Looks
from netspec.validation.judge.margins import Margins
from netspec.validation.judge.sequential import Course
from netspec.validation.judge.verdict import judge
from netspec.validation.report import figures, junit, pictures
from netspec.validation.report import page as report

ATTACK = "<script>alert(1)</script> <img src=x onerror=alert(2)> $\\alpha $ & \"'"
LADDER = {
    "circuit": "microcircuit",
    "description": "small",
    "first_broken": {"nest": None, "brian2": "L1"},
    "rungs": [
        {
            "level": "L1", "backend": "nest", "status": "passed",
            "figures": {"V_m off (mV)": 1e-9}, "tolerance": {"V_m off (mV)": 1e-6}, "reason": "",
        },
        {
            "level": "L1", "backend": "brian2", "status": "failed",
            "figures": {"V_m off (mV)": 0.5}, "tolerance": {"V_m off (mV)": 1e-6},
            "reason": "V_m off (mV) is 0.5, at most 1e-06",
        },
    ],
}  # fmt: skip


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.texts = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


@pytest.fixture(scope="module")
def circuit(tmp_path_factory):
    """Three backends: the second is like the first, the third fires 12 % more."""
    folder = tmp_path_factory.mktemp("circuit")
    summary, runs = reporting.microcircuit(
        folder,
        ["nest", "brian2", "genn"],
        6,
        populations=2,
        factors={"genn": 1.15},
        description=ATTACK,
    )
    summary = summary.model_copy(update={"ladder": LADDER})
    summary.write(folder / "microcircuit-validation.json")
    page = report.write(folder / "microcircuit-report.html", summary, runs)
    return summary, page


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ring")
    summary, runs = reporting.ring(folder, ["nest", "brian2"], 4)
    return summary, report.write(folder / "ring.html", summary, runs)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A small network, really run on both required simulators."""
    folder = tmp_path_factory.mktemp("simulated")
    network = netspec.Network(
        name="driven",
        description="Neurons that a Poisson drive makes fire",
        populations=[
            netspec.Population(name="A", size=40, model="iaf_psc_exp"),
            netspec.Population(name="B", size=20, model="iaf_psc_exp"),
        ],
        poisson_inputs=[
            netspec.PoissonInput(
                name=f"P_{name}",
                target=name,
                receptor="excitatory",
                rate="8000 1/s",
                weight="90 pA",
            )
            for name in "AB"
        ],
        recorders=[netspec.Recorder(name=f"R_{name}", target=name) for name in "AB"],
    )
    request = ValidationRequest(
        network=network,
        simulation=netspec.Simulation(warmup=50.0, duration=200.0),
        backends=(
            BackendRequest(name="nest", threads=1),
            BackendRequest(name="brian2", options={"codegen": "numpy"}),
        ),
        seeds=(1, 2, 3),
    )
    done = validate(request, folder)
    done.summary.write(folder / "driven-validation.json")
    return done


def test_the_verdict_comes_first_and_in_words(circuit):
    summary, page = circuit
    text = Page(page.read_text()).text
    outcomes = [entry.outcome.upper() for entry in summary.comparisons]
    assert outcomes[1] == "DIFFERENT"
    first = [text.index(f"{pair} against nest") for pair in ("brian2", "genn")]
    assert first == sorted(first)
    for outcome, at in zip(outcomes, first, strict=True):
        assert outcome in text[at : at + 60]
    assert "6 and 6 seeds, 1000 ms counted after 500 ms of warm-up" in text
    assert "rate \N{PLUS-MINUS SIGN}5 %" in text
    assert text.index("DIFFERENT") < text.index("The ladder:") < text.index("Points are")
    assert "brian2: L1 neuron broke first" in text


def test_every_test_stands_in_the_table_with_its_numbers(circuit):
    summary, page = circuit
    text = Page(page.read_text()).text
    for entry in summary.comparisons:
        for test in entry.verdict["tests"]:
            assert re.search(
                rf"{test['population']} ?{test['statistic']} ?{test['outcome']}", text
            ), test["text"]


def test_curves_of_a_population_are_drawn(circuit):
    summary, page = circuit
    words = [given.get("alt", "") for tag, given in Page(page.read_text()).attributes]
    kinds = {"rate_in_time": "time", "correlations": "share of pairs", "cvs": "share of neurons"}
    for name, axis in kinds.items():
        found = [word for word in words if word.startswith(f"{name} of L23E on {axis}: means")]
        assert len(found) == 1 and all(f"{backend} " in found[0] for backend in summary.backends)
    # the mean of the rate in time is the rate, and stands in the words
    rates = [
        row.values["rate"]
        for row in summary.statistics
        if (row.backend, row.population) == ("nest", "L23E")
    ]
    (told,) = [word for word in words if word.startswith("rate_in_time of L23E")]
    assert f"nest {np.mean(rates):.3g}," in told


def test_the_path_of_every_test_over_the_looks_is_drawn(circuit):
    summary, _ = circuit
    course, keys = Course(Looks(first=4, every=4, most=8).plan()), [("L23E", "lv"), ("L23I", "lv")]
    margins = Margins().only(["lv"])
    for seeds in (4, 8):
        a = {key: np.linspace(-0.01, 0.01, seeds) for key in keys}
        b = {keys[0]: a[keys[0]] + 0.001, keys[1]: a[keys[1]] + np.linspace(0.05, -0.06, seeds)}
        verdict = judge(a, b, margins, matched=True, levels=course.levels())
        course = course.with_look(Judged(verdict, (), ()), (a, b))
    entry = summary.comparisons[0].model_copy(
        update={"looks": course.to_dict(), "verdict": course.verdict().to_dict()}
    )
    page = Page(report.render(summary.model_copy(update={"comparisons": (entry,)}), []))
    assert "Look by look: brian2 against nest" in page.text
    words = [given.get("alt", "") for _, given in page.attributes]
    assert "Path of the tests of lv: L23E decided at 4 seeds, L23I open." in words


def test_labels_stay_text(circuit):
    text = circuit[1].read_text()
    page = Page(text)
    assert ATTACK in page.text
    assert "script" not in page.tags
    assert not any(name.startswith("on") for _, given in page.attributes for name in given)
    label = figures.means({"<b>&": np.array([1.0, 2.0])}, None, "$x^ <script>")
    svg = _decoded(label)
    assert ET.fromstring(svg) is not None
    assert "<script" not in svg
    assert "$x^ &lt;script&gt;" in svg


def _decoded(source):
    return base64.b64decode(source.partition(",")[2]).decode()


def test_nothing_is_asked_for_outside_of_the_page(circuit, ring):
    for _, path in (circuit, ring):
        page = Page(path.read_text())
        images = [given for tag, given in page.attributes if tag == "img"]
        assert images
        for given in images:
            assert given["src"].startswith("data:image/svg+xml;base64,")
            assert len(given["alt"]) > 20
            found = re.findall(r'(?:href|src)="([^"]*)"', _decoded(given["src"]))
            assert all(link.startswith(("#", "data:image/png")) for link in found)
        links = [given.get("href", "#") for _, given in page.attributes]
        assert all(link.startswith("#") for link in links)
        ids = {given["id"] for _, given in page.attributes if "id" in given}
        assert {link[1:] for link in links if link != "#"} <= ids
        headings = [int(tag[1]) for tag in page.tags if re.fullmatch("h[1-6]", tag)]
        assert headings.count(1) == 1
        assert all(b - a <= 1 for a, b in itertools.pairwise(headings))


@pytest.mark.long
def test_the_page_of_a_microcircuit_is_small_and_soon_there(tmp_path):
    summary, runs = reporting.microcircuit(tmp_path, ["nest", "brian2", "genn"], 10)
    began = time.process_time()
    assert len(report.render(summary, runs)) < 3_000_000
    assert time.process_time() - began < 20


@pytest.mark.parametrize("which", ["circuit", "ring"])
def test_the_same_results_give_the_same_page(request, tmp_path, which):
    """From memory and from the file, whose keys are sorted: populations, versions, ledgers too."""
    summary, page = request.getfixturevalue(which)
    read = load_summary(summary.write(tmp_path / "a-validation.json"))
    runs = pictures.open_runs(read, [page.parent])
    again = report.write(tmp_path / "again.html", read, runs)
    assert again.read_bytes() == page.read_bytes()


def test_rates_stand_on_the_page_with_mean_and_sd(circuit):
    summary, page = circuit
    text = Page(page.read_text()).text
    for name in summary.backends:
        found = [
            row.values["rate"]
            for row in summary.statistics
            if (row.backend, row.population) == (name, "L23E")
        ]
        assert f"{np.mean(found):.3f} \N{PLUS-MINUS SIGN} {np.std(found, ddof=1):.3f}" in text
    words = [given["alt"] for tag, given in Page(page.read_text()).attributes if tag == "img"]
    assert any(word.startswith("cv, means over seeds") for word in words)
    assert any(word.startswith("correlation, means over seeds") for word in words)


def test_the_bump_is_drawn_and_its_trials_listed(ring):
    page = Page(ring[1].read_text())
    words = " ".join(given["alt"] for tag, given in page.attributes if tag == "img")
    assert "Kaplan-Meier" in words
    assert "nest, 70 pA: 4 of 4" in words
    # three bumps of four outlive the run
    assert "share of bumps alive at the end: nest 0.75, brian2 0.75" in words
    assert "nest, seed 3" in page.text
    # the whole trial, with its cue from 700 to 900 ms
    assert "The cue lasts from 700 to 900 ms" in words
    assert "the whole run, the first seed" in page.text
    rasters = [
        _decoded(given["src"]) for tag, given in page.attributes
        if tag == "img" and given["alt"].startswith("Raster")
    ]  # fmt: skip
    assert rasters and all(">cue<" in svg for svg in rasters)


# -- figures ----------------------------------------------------------------------------------


def drawn(panel, width, height, *values):
    """Return the axes of a panel, laid out, with the renderer that did it."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with rc_context(figures.STYLE):
        figure = Figure(figsize=(width, height))
        canvas = FigureCanvasAgg(figure)
        axes = figure.subplots()
        panel.__wrapped__(axes, *values)
        canvas.draw()
        boxes = {}
        for name in "xy":
            labels = getattr(axes, f"get_{name}ticklabels")()
            ends = sorted(getattr(axes, f"get_{name}lim")())
            ticks = getattr(axes, f"get_{name}ticks")()
            boxes[name] = [
                label.get_window_extent(canvas.get_renderer())
                for label, at in zip(labels, ticks, strict=True)
                if label.get_text() and ends[0] <= at <= ends[1]
            ]
        return axes, boxes


@pytest.mark.parametrize("reach", [0.0021, 0.0123, 0.04, 0.9, 61.3])
def test_labels_of_ticks_do_not_run_into_each_other(reach):
    names = ["L23E", "L23I", "L4E"]
    points = np.array([0.1, -0.4, 0.2]) * reach
    intervals = np.column_stack([points - reach, points + reach])
    bands = np.tile([-0.5 * reach, 0.5 * reach], (3, 1))
    forest = (names, points, intervals, bands, ["equivalent"] * 3, 0.0, -np.inf, "difference")
    sizes = (700, 90, 1200, 30, 200, 12, 800, 15)
    trains = {f"L{k}": (np.array([1.0]), np.array([0]), size) for k, size in enumerate(sizes)}
    samples = {"nest": [np.random.default_rng(1).normal(0, reach, 900)]}
    for panel in (
        (figures.forest, 3.4, 1.5, *forest),
        (figures.raster, 3.4, 3.2, trains, (0.0, 500.0)),
        (figures.cumulative, 2.2, 2.0, samples, "lv"),
    ):
        _, boxes = drawn(*panel)
        for axis in "xy":
            for one, other in itertools.pairwise(boxes[axis]):
                assert not one.overlaps(other), (panel[0].__name__, axis)


def test_distribution_functions_are_exact_wherever_they_are_drawn():
    from scipy.stats import ecdf

    rng = np.random.default_rng(3)
    counts = [rng.poisson(3, 500) / 2.0 for _ in range(3)]
    at = figures.support(counts)
    assert at.tolist() == np.unique(np.concatenate(counts)).tolist()  # a step at every value
    smooth = [rng.normal(1, 0.2, 5000) for _ in range(3)]
    assert len(figures.support(smooth)) <= figures.STEPS + 1
    for values, where in ((counts[0], at), (smooth[0], figures.support(smooth))):
        found = figures.share_below(values, where)
        assert found == pytest.approx(ecdf(values).cdf.evaluate(where), abs=1e-12)
    axes, _ = drawn(figures.cumulative, 2.2, 2.0, {"nest": counts}, "rate (1/s)")
    (line,) = axes.lines
    shares = np.median([figures.share_below(c, at) for c in counts], axis=0)
    assert line.get_ydata()[1:].tolist() == shares.tolist()


def test_text_of_figures_has_a_family_that_every_reader_has():
    svg = _decoded(figures.means({"nest": np.array([1.0, 2.0])}, None, "rate (1/s)"))
    assert "DejaVu Sans" in svg
    assert all("sans-serif" in style for style in re.findall(r"font(?:-family)?: ([^;\"]*)", svg))


def test_junit_counts_what_was_judged(circuit):
    summary, page = circuit
    root = ET.parse(page.with_name("microcircuit-report-junit.xml")).getroot()
    same, other, ladder, runs = root
    for suite, entry in ((same, summary.comparisons[0]), (other, summary.comparisons[1])):
        outcomes = [test["outcome"] for test in entry.verdict["tests"]]
        assert int(suite.get("tests")) == len(suite) == len(outcomes)
        assert int(suite.get("failures")) == outcomes.count("different")
        assert int(suite.get("skipped")) == outcomes.count("inconclusive")
        assert "inconclusive" in suite.find("testcase/skipped").get("message")
    assert other.find("testcase/failure").get("type") == "different"
    assert (ladder.get("tests"), ladder.get("failures")) == ("2", "1")
    assert ladder.find("testcase/failure").get("message") == LADDER["rungs"][1]["reason"]
    assert runs.get("tests") == "18"
    assert runs.get("errors") == "0"


def test_failed_runs_and_lost_sides_are_told(circuit):
    summary, _ = circuit
    broken = summary.runs[0].model_copy(update={"error": "killed \x1b[31m <b>", "file": None})
    entry = summary.comparisons[0].model_copy(update={"verdict": None, "error": "no run of nest"})
    summary = summary.model_copy(
        update={"runs": (broken, *summary.runs[1:]), "comparisons": (entry,), "ladder": None}
    )
    page = Page(report.render(summary, []))
    assert "1 of 18 runs failed" in page.text
    assert "17 of 18 run files were not found" in page.text
    assert "IMPOSSIBLE" in page.text
    assert "b" not in page.tags
    # other readers refuse control characters, in messages and in names
    root = ET.fromstring(junit.document(summary))
    odd = entry.model_copy(update={"reference": "\x01 <nest>", "other": "\ud800"})
    renamed = broken.model_copy(update={"backend": "\x02]]>"})
    text = junit.document(summary.model_copy(update={"comparisons": (odd,), "runs": (renamed,)}))
    suites = [suite.get("name") for suite in ET.fromstring(text.encode())]
    assert suites[0] == "microcircuit.? <nest>-?"
    messages = [error.get("message") for error in root.iter("error")]
    assert messages == ["no run of nest", "killed ?[31m <b>"]


def test_a_report_is_made_anew_from_a_folder(simulated, tmp_path):
    summary, folder = simulated.summary, simulated.done[0].run.file.parent
    before = (folder / "driven-validation.json").read_bytes()
    command = [sys.executable, "-m", "netspec.cli", "report", str(folder)]
    out = tmp_path / "elsewhere" / "page.html"
    done = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (folder / "driven-validation.json").read_bytes() == before
    assert load_summary(folder / "driven-validation.json") == summary
    text = Page(out.read_text()).text
    assert summary.comparisons[0].outcome.upper() in text
    assert "not found" not in text
    for entry in simulated.done:
        assert entry.run.file.name in text
    assert out.with_name("page-junit.xml").exists()


def test_a_folder_without_one_result_is_refused(tmp_path):
    with pytest.raises(UsageError, match="0 files"):
        report.find(tmp_path)
    for name in "ab":
        (tmp_path / f"{name}-validation.json").write_text("{}")
    with pytest.raises(UsageError, match=r"2 files.*a-validation.json"):
        report.find(tmp_path)


def test_one_run_on_a_side_is_compared_with_its_prediction(tmp_path):
    _, runs = reporting.microcircuit(tmp_path, ["nest", "brian2"], 3, populations=1)
    summary = judge_existing({"nest": runs[:3], "brian2": runs[3:4]}, ["nest"], Margins())
    page = Page(report.render(summary, runs))
    assert summary.comparisons[0].outcome.upper() in page.text
    assert "prediction interval" in page.text


@pytest.mark.parametrize(
    ("factor", "outcome", "code"), [(1.0, "consistent", 6), (1.2, "inconsistent", 1)]
)
def test_one_backend_at_full_scale_is_judged_against_published_rates(
    tmp_path, factor, outcome, code
):
    summary, runs = reporting.microcircuit(tmp_path, ["nest"], 4, scale=1, factors={"nest": factor})
    (entry,) = summary.comparisons
    assert (entry.reference, entry.other) == ("nest", "published")
    tests = {t["population"]: t for t in entry.verdict["tests"]}
    assert {t["statistic"] for t in tests.values()} == {"rate"} and len(tests) == 8
    assert tests["L5I"]["comparison"]["value"] == 8.633
    assert (summary.outcome, summary.exit_code) == (outcome, code)
    page = Page(report.render(summary, runs))
    assert "published against nest" in page.text and "4 seeds and published values" in page.text
    found = ET.fromstring(junit.document(summary))
    assert len(found.findall("testsuite[@name='microcircuit.nest-published']/testcase")) == 8


def test_published_rates_do_not_decide_between_backends(tmp_path):
    """A network of full size with other parameters may leave them, on all backends alike."""
    summary, _ = reporting.microcircuit(
        tmp_path, ["nest", "brian2"], 3, scale=1, factors={"nest": 1.2, "brian2": 1.2}
    )
    assert [entry.other for entry in summary.comparisons] == ["brian2", "published", "published"]
    assert [entry.outcome for entry in summary.comparisons[1:]] == ["inconsistent"] * 2
    assert summary.outcome == summary.comparisons[0].outcome != "inconsistent"


# -- in a browser -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright: nothing shown")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium (Debian: chromium): the page is not looked at in a browser")
    with playwright.sync_playwright() as started:
        # Chromium's own sandbox does not start for root
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = started.chromium.launch(executable_path=chromium, args=arguments)
        yield found
        found.close()


@pytest.mark.parametrize("width", [320, 375, 1054, 1200])
def test_a_browser_shows_the_page(browser, circuit, ring, width):
    for _, path in (circuit, ring):
        page = browser.new_page(viewport={"width": width, "height": 800})
        said, asked = [], []
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("pageerror", lambda error, said=said: said.append(str(error)))
        page.on("dialog", lambda dialog, said=said: said.append(dialog.message))
        page.on("request", lambda request, asked=asked: asked.append(request.url))
        page.goto(path.as_uri())
        assert said == []
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        widths = page.evaluate("Array.from(document.images, i => [i.naturalWidth, i.width])")
        assert widths and all(natural > 0 and 0 < shown <= width for natural, shown in widths)
        assert page.locator(".outcome").first.bounding_box()["y"] < 400
        tables = page.evaluate(
            "Array.from(document.querySelectorAll('[aria-label^=\"Tests of\"]'), "
            "e => [e.scrollWidth, e.clientWidth])"
        )
        assert tables and all(whole <= shown for whole, shown in tables)  # all columns in sight
        page.close()
