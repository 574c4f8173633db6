"""Two kernels a step instead of GeNN's four, by a change of its generated code for a GPU.

GeNN makes four launches a step: one that advances the places in the rings of delayed input, one
that hands on spikes, one that sets the numbers of spikes to zero, and one that updates neurons. A
launch costs some 4 us, and the first and the third do next to nothing. Here

- a place in a ring follows from the number of the step, which every launch is given;
- there are two counters of spikes for each group: neurons add to one while the other, which has
  just been read, is set to zero, and then the two change places;
- spikes are handed on side by side. GeNN has a thread for every possible target, which walks
  through all spikes of the source; the grid has a second dimension now, over the spikes, and what
  does not depend on the row's length is read before it is known, and not kept in the cache. So a
  step waits for one read of memory after the other, and not for one spike after the other;
- nothing has to be told to a launch that does not repeat from chunk to chunk, so a chunk of steps
  can be captured as a CUDA graph, whose launches cost some 1 us.

Every change names the text that it expects. If one of them is not found as often as it must be, the
code stays as GeNN has made it, see `folded`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# threads of a block, in the order of GeNN's kernels: neurons, spikes, then what is of no concern
NEURONS, SPIKES, OTHERS = 128, 256, 64
BLOCKS = (NEURONS, SPIKES, *[OTHERS] * 10)
FILES = ("neuronUpdate.cc", "synapseUpdate.cc")
# exported by changed code: makes a chunk of steps; forgets all steps
GRAPH, FORGET = "graph_steps", "forget_steps"
MOST_SLOTS = 500  # of a ring; twice as many steps, after which launches repeat, are a chunk

_HEAD = """
#include <map>

// Pairs of counters of spikes, instead of GeNN's single ones.
__device__ uint32_t d_spikeCounters[2 * {groups}];
static std::map<uint32_t *, unsigned int> knownCounters;
static uint32_t *pairOfCounters(uint32_t *single) {{
    const unsigned int number = knownCounters.emplace(single, knownCounters.size()).first->second;
    if(number >= {groups}) {{
        throw std::runtime_error("more groups spike than there are counters");
    }}
    void *counters = nullptr;
    CHECK_RUNTIME_ERRORS(cudaGetSymbolAddress(&counters, d_spikeCounters));
    return static_cast<uint32_t *>(counters) + 2 * number;
}}
"""

_LAUNCHES = """
static unsigned long long stepsMade = 0;

static unsigned int spikesSideBySide() {{
    static unsigned int number = 0;
    if(number == 0) {{
        int processors = 0, threads = 0;  // of the device, and of each of its multiprocessors
        CHECK_RUNTIME_ERRORS(
            cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
        CHECK_RUNTIME_ERRORS(
            cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
        number = processors * threads / ({spike_blocks} * {spikes});
        number = (number < 1) ? 1 : (number > 16) ? 16 : number;
    }}
    return number;
}}
static void launchSpikes(double t, unsigned int made, cudaStream_t stream) {{
    const dim3 threads({spikes}, 1);
    const dim3 grid({spike_blocks}, spikesSideBySide());
    updatePresynapticKernel<<<grid, threads, 0, stream>>>(t, (made + 1) % {slots}, (made + 1) % 2);
    CHECK_RUNTIME_ERRORS(cudaPeekAtLastError());
}}
static void launchNeurons(
    double t, unsigned int recorded, unsigned int made, cudaStream_t stream) {{
    const dim3 threads({neurons}, 1);
    const dim3 grid({neuron_blocks}, 1);
    updateNeuronsKernel<<<grid, threads, 0, stream>>>(
        t, recorded, (made + 1) % {slots}, (made + 1) % 2);
    CHECK_RUNTIME_ERRORS(cudaPeekAtLastError());
}}
void updateSynapses(double t) {{
    launchSpikes(t, stepsMade % (2 * {slots}), nullptr);
}}
void updateNeurons(double t{recording}) {{
    launchNeurons(t, {recorded}, stepsMade % (2 * {slots}), nullptr);
    stepsMade++;
}}

// Begin anew: another model of the same code may be loaded, and find the library still open.
extern "C" void forget_steps() {{
    void *counters = nullptr;
    CHECK_RUNTIME_ERRORS(cudaGetSymbolAddress(&counters, d_spikeCounters));
    CHECK_RUNTIME_ERRORS(cudaMemset(counters, 0, sizeof d_spikeCounters));
    knownCounters.clear();
    stepsMade = 0;
}}

// Make a chunk of steps at once; false if they have to be made one by one.
extern "C" int graph_steps(unsigned long long chunk) {{
    static cudaStream_t stream = nullptr;
    static cudaGraphExec_t graph = nullptr;
    static unsigned long long captured = 0;
    if({timed} || chunk % (2 * {slots}) != 0 || stepsMade % chunk != 0) {{
        return 0;
    }}
    if(captured != chunk) {{
        cudaGraph_t made;
        CHECK_RUNTIME_ERRORS(cudaStreamCreate(&stream));
        CHECK_RUNTIME_ERRORS(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for(unsigned long long i = 0; i < chunk; i++) {{
            launchSpikes(0.0, i % (2 * {slots}), stream);
            launchNeurons(0.0, i, i % (2 * {slots}), stream);
        }}
        CHECK_RUNTIME_ERRORS(cudaStreamEndCapture(stream, &made));
        CHECK_RUNTIME_ERRORS(cudaGraphInstantiate(&graph, made, 0));
        CHECK_RUNTIME_ERRORS(cudaGraphDestroy(made));
        captured = chunk;
    }}
    CHECK_RUNTIME_ERRORS(cudaGraphLaunch(graph, stream));
    stepsMade += chunk;
    return 1;
}}
"""

# a thread for every target, which walks through the spikes; capitals stand for what differs
_WALK = """
const unsigned int numSpikes = group->srcSpkCnt[0];
const unsigned int numSpikeBlocks = (numSpikes + {spikes} - 1) / {spikes};
for (unsigned int r = 0; r < numSpikeBlocks; r++) {{
const unsigned int numSpikesInBlock = (r == numSpikeBlocks - 1) ? ((numSpikes - 1) % {spikes}) + 1 : {spikes};
__syncthreads();
if (threadIdx.x < numSpikesInBlock) {{
const unsigned int spk = group->srcSpk[(r * {spikes}) + threadIdx.x];
shSpk[threadIdx.x] = spk;
shRowLength[threadIdx.x] = group->rowLength[spk];
}}
__syncthreads();
// loop through all incoming spikes
for (unsigned int j = 0; j < numSpikesInBlock; j++) {{
// only work on existing neurons
if (lid < STRIDE) {{
const TYPE synAddress = ((TYPE)shSpk[j] * STRIDE) + lid;
const unsigned int ipost = group->ind[synAddress];
const unsigned int npost = shRowLength[j];
if (lid < npost) {{
BODY
}}
}}
}}
}}
"""  # noqa: E501
# a row of threads for every spike; of two names in the body, the second is read ahead
_SIDE_BY_SIDE = """
const unsigned int numSpikes = group->srcSpkCnt[before];
if (lid < {stride}) {{
for (unsigned int j = blockIdx.y; j < numSpikes; j += gridDim.y) {{
const unsigned int spk = group->srcSpk[j];
const {type} synAddress = (({type})spk * {stride}) + lid;
const unsigned int ipost = __ldcs(&group->ind[synAddress]);
const unsigned int npost = group->rowLength[spk];
{ahead}
if (lid < npost) {{
{body}
}}
}}
}}
"""


class _NotFoundError(Exception):
    """Generated code is not what a change expects."""


@dataclass
class _Text:
    """A generated text; every change says how often it must be possible."""

    value: str

    def replace(self, old: str, new: str, times: int | None = 1) -> None:
        self.change(re.escape(old), new.replace("\\", r"\\"), times)

    def change(self, pattern: str, new: str, times: int | None = 1) -> int:
        """Replace all matches; None: any number of them."""
        self.value, found = re.subn(pattern, new, self.value, flags=re.DOTALL)
        if times is not None and found != times:
            raise _NotFoundError(f"{found} times instead of {times}: {pattern[:60]}")
        return found

    def take(self, pattern: str) -> str:
        """Remove the one match, and return its first group."""
        found = re.findall(pattern, self.value, flags=re.DOTALL)
        if len(found) != 1:
            raise _NotFoundError(f"{len(found)} times instead of once: {pattern[:60]}")
        self.change(pattern, "")
        return str(found[0])


def _pattern(text: str) -> str:
    """Return a regular expression for a text with any indentation, and any of what differs."""
    lines = [re.escape(line.strip()) for line in text.strip().splitlines()]
    found = r"\s*\n\s*".join(lines)
    kinds = {
        "BODY": r"(?:(?!\n *// merged).)*?",
        "STRIDE": r"group->rowStride|\(\d+u\)",  # a number where all groups of a kind have the same
        "TYPE": r"uint\d+_t",
    }
    for word, pattern in kinds.items():
        found = found.replace(word, f"(?P<{word.lower()}>{pattern})", 1)
        found = found.replace(word, f"(?P={word.lower()})")
    return found


def fold(folder: Path, slots: int) -> str:
    """Change the generated code in a folder, unless it is not what the change expects.

    Parameters
    ----------
    folder : Path
    slots : int
        Of every ring of delayed input.

    Returns
    -------
    str
        Why the code stays as it is; empty if it was changed.
    """
    neurons, spikes = ((folder / name).read_text() for name in FILES)
    try:
        changed = folded(neurons, spikes, slots)
    except _NotFoundError as error:
        return str(error)
    for name, text in zip(FILES, changed, strict=True):
        (folder / name).write_text(text)
    return ""


def folded(neurons: str, spikes: str, slots: int) -> tuple[str, str]:
    """Return the text of two kernels a step, all of it in the first file.

    Raises
    ------
    _NotFoundError
        If GeNN's text is not what is expected.
    """
    include = '#include "definitions.h"\n'
    update, delivery = _Text(neurons), _Text(spikes)
    update.replace(include, "")
    delivery.replace(include, "")
    groups = _neurons(update)
    neuron_blocks, recording = _launch(update, "updateNeurons", "updateNeuronsKernel", NEURONS)
    _spikes(delivery, slots)
    spike_blocks, _ = _launch(delivery, "updateSynapses", "updatePresynapticKernel", SPIKES)
    bodies = "".join(
        re.split(r"extern \"C\" __global__[^{]*\{", text.value)[-1] for text in (update, delivery)
    )
    launches = _LAUNCHES.format(
        slots=slots, neurons=NEURONS, spikes=SPIKES, neuron_blocks=neuron_blocks,
        spike_blocks=spike_blocks, recording=recording,
        recorded="recordingTimestep" if recording else "0",
        timed=str(re.search(r"\bt\b", bodies) is not None).lower(),
    )  # fmt: skip
    head = _HEAD.format(groups=groups)
    return include + head + delivery.value + update.value + launches, include


def _launch(text: _Text, function: str, kernel: str, threads: int) -> tuple[int, str]:
    """Remove GeNN's launches; return the number of blocks, and the argument after the time."""
    body = text.take(rf"(void {function}\(double t[^)]*\) \{{\n.*)\Z")
    launch = rf"const dim3 threads\({threads}, 1\);\s*const dim3 grid\((\d+), 1\);\s*{kernel}<<<"
    found = re.findall(launch, body)
    if len(found) != 1:
        raise _NotFoundError(f"launch of {kernel}")
    if body.count("<<<") != 2:  # besides it, what is spared
        raise _NotFoundError(f"other kernels than {kernel}")
    arguments = re.findall(rf"void {function}\(double t([^)]*)\)", body)[0]
    return int(found[0]), arguments


def _neurons(text: _Text) -> int:
    """Change the update of neurons; return the number of groups that spike."""
    text.change(r"extern \"C\" __global__ void neuronSpikeQueueUpdateKernel\(\) \{.*?\n\}\n", "")
    text.change(
        r"(void updateNeuronsKernel\(double t)(, unsigned int recordingTimestep)?\)",
        r"\1, unsigned int recordingTimestep, unsigned int front, unsigned int before)",
    )
    sizes = re.findall(r"d_mergedNeuronSpikeQueueUpdateGroup\d+\[(\d+)\];", text.value)
    counters = set(re.findall(r"group->(spkCnt\w+)\[0\]", text.value))
    for counter in counters:
        number = text.change(
            rf"shSpkPos\[0\] = atomicAdd\(&group->{counter}\[0\], shSpkCount\[0\]\);",
            f"""if(shSpkCount[0] != 0) {{
                        shSpkPos[0] = atomicAdd(&group->{counter}[1 - before], shSpkCount[0]);
                    }}
                    if(lid == 0) {{
                        group->{counter}[before] = 0;
                    }}""",
            None,
        )
        pushes = text.change(
            r"(void pushMergedNeuronUpdateGroup\d+ToDevice\([^)]*uint32_t\* "
            rf"{counter}\b[^)]*\) \{{\n)",
            rf"\1    {counter} = pairOfCounters({counter});\n",
            None,
        )
        if not 0 < number == pushes:
            raise _NotFoundError(f"{counter}: {number} sums, {pushes} groups")
    if re.search(r"group->spkCnt\w+\[0\]", text.value) or not counters:
        raise _NotFoundError("other uses of the counters of spikes, or none")
    text.change(r"\*group->denDelayPtr\w+", "front", None)
    # what comes without a ring, which is nothing
    text.change(r"(\w+ linSyn =) group->outPostInSyn\d+\[lid\];", r"\1 0;", None)
    text.change(r" *group->outPostInSyn\d+\[lid\] = linSyn;\n", "", None)
    return sum(map(int, sizes))


def _spikes(text: _Text, slots: int) -> None:
    """Change the delivery of spikes."""
    unused = r"extern \"C\" __global__ void synapseDendriticDelayUpdateKernel\(\) \{.*?\n\}\n"
    text.change(unused, "")
    text.change(
        r"void updatePresynapticKernel\(double t\)",
        "void updatePresynapticKernel(double t, unsigned int front, unsigned int before)",
    )
    kernel = text.value.split("void updatePresynapticKernel")[1]
    groups = len(re.findall(r"\n +// merged\d+\n", kernel))

    def side_by_side(found: re.Match[str]) -> str:
        body = found["body"]
        names = sorted(set(re.findall(r"group->(\w+)\[synAddress\]", body)))
        for name in names:
            body = body.replace(f"group->{name}[synAddress]", f"ahead_{name}")
        ahead = "\n".join(f"const auto ahead_{n} = __ldcs(&group->{n}[synAddress]);" for n in names)
        return _SIDE_BY_SIDE.format(
            ahead=ahead, body=body, stride=found["stride"], type=found["type"]
        )

    walk = _pattern(_WALK.format(spikes=SPIKES))
    text.value, found = re.subn(walk, side_by_side, text.value, flags=re.DOTALL)
    if not 0 < found == groups:
        raise _NotFoundError(f"{found} of {groups} kinds of synapses have rows in rings")
    place = rf"\(\*group->denDelayPtr \+ ([^%]*?)\) % {slots}\)"
    if text.change(place, rf"(front + \1) % {slots})", None) < groups:
        raise _NotFoundError("places in rings")
    if re.search(r"\*group->denDelayPtr|srcSpkCnt\[0\]|__syncthreads|shSpk\[j\]", text.value):
        raise _NotFoundError("what is left of the walk")
    text.change(r"    __shared__ unsigned int sh(?:RowLength|Spk)\[\d+\];\n", "", 2)
    push = r"(void pushMergedPresynapticUpdateGroup\d+ToDevice\([^)]*uint32_t\* srcSpkCnt\b[^)]*\) "
    text.change(push + r"\{\n)", r"\1    srcSpkCnt = pairOfCounters(srcSpkCnt);\n", groups)
