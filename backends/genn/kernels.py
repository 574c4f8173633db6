"""Two kernels a step instead of GeNN's four, by a change of its generated code for a GPU.

GeNN makes four launches a step: one that advances the places in the rings of delayed input, one
that hands on spikes, one that sets the numbers of spikes to zero, and one that updates neurons. A
launch costs some 4 us, and the first and the third do next to nothing. Here

- a place in a ring follows from the number of the step, which every launch is given;
- there are two counters of spikes for each group: neurons add to one while the other, which has
  just been read, is set to zero, and then the two change places;
- spikes are handed on side by side. GeNN has a thread for every possible target, which walks
  through all spikes of the source; the grid has a second dimension now, over the spikes, and what
  does not depend on the row's length is read before it is known. So a step waits for one read of
  memory after the other, and not for one spike after the other;
- nothing has to be told to a launch that does not repeat from chunk to chunk, so a chunk of steps
  can be captured as a CUDA graph, whose launches cost some 1 us.

Every change names the text that it expects. If one of them is not found as often as it must be, the
code stays as GeNN has made it, see `folded`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

# threads of a block
NEURONS, SPIKES, OTHERS = 128, 256, 64
PERSISTENT = 1024  # of the persistent kernel, of which each multiprocessor has one block
FILES = ("neuronUpdate.cc", "synapseUpdate.cc")
MOST_GROUPS = 2000  # of synapses, whose tables a block of the persistent kernel can hold
AT_ONCE = "steps_at_once"  # exported by changed code: makes many steps by one call


def block_sizes(way: str) -> list[int]:
    """Return the threads of a block of each of GeNN's kernels, in its own order."""
    return [PERSISTENT if way == "persistent" else NEURONS, SPIKES, *[OTHERS] * 10]

_HEAD = """
#include <map>

// Pairs of counters of spikes, instead of GeNN's single ones.
__device__ uint32_t d_spikeCounters[2 * {groups}];
static uint32_t *pairOfCounters(uint32_t *single) {{
    static std::map<uint32_t *, unsigned int> known;
    const unsigned int number = known.emplace(single, known.size()).first->second;
    if(number >= {groups}) {{
        throw std::runtime_error("more groups spike than there are counters");
    }}
    void *counters = nullptr;
    CHECK_RUNTIME_ERRORS(cudaGetSymbolAddress(&counters, d_spikeCounters));
    return static_cast<uint32_t *>(counters) + 2 * number;
}}
"""

# bodies of kernels become functions of a block, which kernels and the persistent kernel call
_KERNELS = """
extern "C" __global__ void updatePresynapticKernel(
    double t, unsigned int front, unsigned int before) {{
    handOnSpikes(blockIdx.x, threadIdx.x, blockIdx.y, gridDim.y, t, front, before);
}}
extern "C" __global__ void updateNeuronsKernel(
    double t, unsigned int recordingTimestep, unsigned int front, unsigned int before) {{
    updateBlock(blockIdx.x, t, recordingTimestep, front, before);
}}
"""

_LAUNCHES = """
static unsigned long long stepsMade = 0;
const unsigned int SLOTS = {slots}, PERIOD = 2 * SLOTS;
const unsigned int NEURONS = {neurons}, SPIKES = {spikes};
const unsigned int NEURON_BLOCKS = {neuron_blocks}, SPIKE_BLOCKS = {spike_blocks};
const bool TIMED = {timed};  // whether code depends on the time itself

static unsigned int processors() {{
    static int number = 0;
    if(number == 0) {{
        CHECK_RUNTIME_ERRORS(cudaDeviceGetAttribute(&number, cudaDevAttrMultiProcessorCount, 0));
    }}
    return number;
}}
static unsigned int spikesSideBySide() {{
    static unsigned int number = 0;
    if(number == 0) {{
        int threads = 0;
        CHECK_RUNTIME_ERRORS(
            cudaDeviceGetAttribute(&threads, cudaDevAttrMaxThreadsPerMultiProcessor, 0));
        number = processors() * threads / (SPIKE_BLOCKS * SPIKES);
        number = (number < 1) ? 1 : (number > 16) ? 16 : number;
    }}
    return number;
}}
static void launchSpikes(double t, unsigned int made, cudaStream_t stream) {{
    const dim3 threads(SPIKES, 1);
    const dim3 grid(SPIKE_BLOCKS, spikesSideBySide());
    updatePresynapticKernel<<<grid, threads, 0, stream>>>(t, (made + 1) % SLOTS, (made + 1) % 2);
    CHECK_RUNTIME_ERRORS(cudaPeekAtLastError());
}}
static void launchNeurons(double t, unsigned int recorded, unsigned int made, cudaStream_t stream) {{
    const dim3 threads(NEURONS, 1);
    const dim3 grid(NEURON_BLOCKS, 1);
    updateNeuronsKernel<<<grid, threads, 0, stream>>>(
        t, recorded, (made + 1) % SLOTS, (made + 1) % 2);
    CHECK_RUNTIME_ERRORS(cudaPeekAtLastError());
}}
void updateSynapses(double t) {{
    launchSpikes(t, stepsMade % PERIOD, nullptr);
}}
void updateNeurons(double t{recording}) {{
    launchNeurons(t, {recorded}, stepsMade % PERIOD, nullptr);
    stepsMade++;
}}
"""

_GRAPH = """
// Make a chunk of steps, if as many are wanted; return how many were made.
extern "C" unsigned long long steps_at_once(
    unsigned long long first, unsigned long long count, unsigned long long chunk) {
    static cudaStream_t stream = nullptr;
    static cudaGraphExec_t graph = nullptr;
    static unsigned long long captured = 0;
    if(TIMED || chunk % PERIOD != 0 || stepsMade % PERIOD != 0 || first % chunk != 0 || count < chunk) {
        return 0;
    }
    if(captured != chunk) {
        cudaGraph_t made;
        CHECK_RUNTIME_ERRORS(cudaStreamCreate(&stream));
        CHECK_RUNTIME_ERRORS(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        for(unsigned long long i = 0; i < chunk; i++) {
            launchSpikes(0.0, i % PERIOD, stream);
            launchNeurons(0.0, i, i % PERIOD, stream);
        }
        CHECK_RUNTIME_ERRORS(cudaStreamEndCapture(stream, &made));
        CHECK_RUNTIME_ERRORS(cudaGraphInstantiate(&graph, made, 0));
        CHECK_RUNTIME_ERRORS(cudaGraphDestroy(made));
        captured = chunk;
    }
    CHECK_RUNTIME_ERRORS(cudaGraphLaunch(graph, stream));
    stepsMade += chunk;
    return chunk;
}
"""

_PERSISTENT = """
__device__ unsigned int d_arrived;  // blocks, at all barriers so far

// Wait until every block of the grid has come here; what they wrote before can be read after.
__device__ __forceinline__ void gridBarrier(unsigned int expected) {{
    __syncthreads();
    if(threadIdx.x == 0) {{
#ifdef __CUDA_ARCH__
        asm volatile("red.release.gpu.global.add.u32 [%0], 1;" :: "l"(&d_arrived) : "memory");
        unsigned int arrived;
        do {{
            asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(arrived) : "l"(&d_arrived) : "memory");
        }} while((int)(arrived - expected) < 0);
#else
        d_arrived++;
#endif
    }}
    __syncthreads();
}}

// Steps in a row by blocks that stay. What there is to hand on, a piece of a row of a spike, is
// numbered through, and goes to parts of blocks in turn.
extern "C" __global__ void __launch_bounds__({neurons}, 1) persistentKernel(
    unsigned int recorded, unsigned int made, unsigned int count, unsigned int arrived) {{
    const unsigned int GROUPS = {groups}, PARTS = {neurons} / {spikes};
    __shared__ unsigned int firstBlock[{groups} + 1];
    __shared__ unsigned int firstItem[{groups} + 1];
    __shared__ uint32_t *counters[{groups}];
{tables}
    if(threadIdx.x == 0) {{
        firstBlock[GROUPS] = {spike_blocks};
        firstItem[0] = 0;
    }}
    __syncthreads();
    for(unsigned int i = 0; i < count; i++, made++, recorded++) {{
        const unsigned int front = (made + 1) % {slots}, before = (made + 1) % 2;
        if(threadIdx.x < 32) {{
            unsigned int sum = 0;
            for(unsigned int start = 0; start < GROUPS; start += 32) {{
                const unsigned int k = start + threadIdx.x;
                unsigned int items = 0;
                if(k < GROUPS) {{
                    items = (firstBlock[k + 1] - firstBlock[k]) * *(volatile uint32_t *)&counters[k][before];
                }}
                for(unsigned int by = 1; by < 32; by *= 2) {{
                    const unsigned int other = __shfl_up_sync(0xFFFFFFFFu, items, by);
                    items += (threadIdx.x >= by) ? other : 0;
                }}
                if(k < GROUPS) {{
                    firstItem[k + 1] = sum + items;
                }}
                sum += __shfl_sync(0xFFFFFFFFu, items, 31);
            }}
        }}
        __syncthreads();
        const unsigned int total = firstItem[GROUPS];
        for(unsigned int item = blockIdx.x * PARTS + threadIdx.x / {spikes}; item < total;
            item += gridDim.x * PARTS) {{
            unsigned int low = 0, high = GROUPS;
            while(low + 1 < high) {{
                const unsigned int middle = (low + high) / 2;
                if(item < firstItem[middle]) {{
                    high = middle;
                }}
                else {{
                    low = middle;
                }}
            }}
            const unsigned int rest = item - firstItem[low];
            const unsigned int blocks = firstBlock[low + 1] - firstBlock[low];
            handOnSpikes(firstBlock[low] + rest % blocks, threadIdx.x % {spikes}, rest / blocks,
                         0x80000000u, 0.0, front, before);
        }}
        gridBarrier(arrived += gridDim.x);
        for(unsigned int block = blockIdx.x; block < {neuron_blocks}; block += gridDim.x) {{
            __syncthreads();
            updateBlock(block, 0.0, recorded, front, before);
        }}
        gridBarrier(arrived += gridDim.x);
    }}
}}

// Make steps to the end of the chunk, or as many as are wanted; return how many were made.
extern "C" unsigned long long steps_at_once(
    unsigned long long first, unsigned long long count, unsigned long long chunk) {{
    static unsigned int arrived = 0;
    if(TIMED) {{
        return 0;
    }}
    const unsigned long long left = chunk - first % chunk, number = (count < left) ? count : left;
    cudaLaunchAttribute together;
    together.id = cudaLaunchAttributeCooperative;
    together.val.cooperative = 1;
    cudaLaunchConfig_t config = {{}};
    config.gridDim = dim3(processors(), 1);
    config.blockDim = dim3(NEURONS, 1);
    config.attrs = &together;
    config.numAttrs = 1;
    CHECK_RUNTIME_ERRORS(cudaLaunchKernelEx(
        &config, persistentKernel, (unsigned int)(first % chunk), (unsigned int)(stepsMade % PERIOD),
        (unsigned int)number, arrived));
    arrived += 2 * (unsigned int)number * processors();
    stepsMade += number;
    return number;
}}
"""

# a thread for every target, which walks through the spikes
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
if (lid < group->rowStride) {{
const uint32_t synAddress = ((uint32_t)shSpk[j] * group->rowStride) + lid;
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
if (lid < group->rowStride) {{
for (unsigned int j = side; j < numSpikes; j += sides) {{
const unsigned int spk = group->srcSpk[j];
const uint32_t synAddress = ((uint32_t)spk * group->rowStride) + lid;
const unsigned int ipost = __ldcs(&group->ind[synAddress]);
const unsigned int npost = group->rowLength[spk];
{ahead}
if (lid < npost) {{
{body}
}}
}}
}}
"""


_FUNCTION = "__device__ __forceinline__ void"


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
    """Return a regular expression for a text with any indentation, and any BODY."""
    lines = [re.escape(line.strip()) for line in text.strip().splitlines()]
    return r"\s*\n\s*".join(lines).replace("BODY", r"((?:(?!\n *// merged).)*?)")


def fold(folder: Path, slots: int, way: str) -> str:
    """Change the generated code in a folder, unless it is not what the change expects.

    Parameters
    ----------
    folder : Path
    slots : int
        Of every ring of delayed input.
    way : {"graph", "persistent"}
        What makes many steps at once.

    Returns
    -------
    str
        Why the code stays as it is; empty if it was changed.
    """
    texts = [(folder / name).read_text() for name in FILES]
    try:
        changed = folded(*texts, slots, way)
    except _NotFoundError as error:
        return str(error)
    for name, text in zip(FILES, changed, strict=True):
        (folder / name).write_text(text)
    return ""


def folded(neurons: str, spikes: str, slots: int, way: str) -> tuple[str, str]:
    """Return the text of two kernels a step, all of it in the first file, see `fold`.

    Raises
    ------
    _NotFoundError
        If GeNN's text is not what is expected.
    """
    include, threads = '#include "definitions.h"\n', block_sizes(way)[0]
    update, delivery = _Text(neurons), _Text(spikes)
    update.replace(include, "")
    delivery.replace(include, "")
    groups = _neurons(update)
    neuron_blocks, recording = _launch(update, "updateNeurons", "updateNeuronsKernel", threads)
    _spikes(delivery, slots)
    spike_blocks, _ = _launch(delivery, "updateSynapses", "updatePresynapticKernel", SPIKES)
    bodies = [text.value.rsplit(_FUNCTION, 1)[1].split("{", 1)[1] for text in (update, delivery)]
    numbers = {
        "slots": slots, "neurons": threads, "spikes": SPIKES, "neuron_blocks": neuron_blocks,
        "spike_blocks": spike_blocks,
    }  # fmt: skip
    launches = _LAUNCHES.format(
        **numbers,
        recording=recording,
        recorded="recordingTimestep" if recording else "0",
        timed=str(any(re.search(r"\bt\b", body) for body in bodies)).lower(),
    )
    kinds = re.findall(r"d_merged(PresynapticUpdateGroup\d+)\[(\d+)\];", delivery.value)
    if way == "persistent" and sum(int(n) for _, n in kinds) <= MOST_GROUPS:
        launches += _PERSISTENT.format(
            **numbers, groups=sum(int(n) for _, n in kinds), tables=_tables(kinds)
        )
    else:
        launches += _GRAPH
    head = _HEAD.format(groups=groups)
    parts = (include, head, delivery.value, update.value, _KERNELS.format(), launches)
    return "".join(parts), include


def _tables(kinds: list[tuple[str, str]]) -> str:
    """Return code that finds the first block and the counter of every group of synapses."""
    text, base = "", 0
    for name, number in kinds:
        start = name.replace("Group", "GroupStartID")
        text += (
            f"    for(unsigned int k = threadIdx.x; k < {number}; k += blockDim.x) {{\n"
            f"        firstBlock[{base} + k] = d_merged{start}[k] / {SPIKES};\n"
            f"        counters[{base} + k] = d_merged{name}[k].srcSpkCnt;\n    }}\n"
        )
        base += int(number)
    return text


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
        r"extern \"C\" __global__ void updateNeuronsKernel\(double t(?:, unsigned int recordingTimestep)?\)",
        _FUNCTION + " updateBlock(unsigned int block, double t, unsigned int recordingTimestep, "
        "unsigned int front, unsigned int before)",
    )
    text.change(r"\bblockIdx\.x\b", "block")
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
    text.change(r"extern \"C\" __global__ void synapseDendriticDelayUpdateKernel\(\) \{.*?\n\}\n", "")
    text.change(
        r"extern \"C\" __global__ void updatePresynapticKernel\(double t\)",
        _FUNCTION + " handOnSpikes(unsigned int block, unsigned int thread, unsigned int side, "
        "unsigned int sides, double t, unsigned int front, unsigned int before)",
    )
    text.change(r"\bblockIdx\.x \+ threadIdx\.x\b", "block + thread")
    kernel = text.value.split("void handOnSpikes")[1]
    groups = len(re.findall(r"\n +// merged\d+\n", kernel))

    def side_by_side(found: re.Match[str]) -> str:
        body = found.group(1)
        names = sorted(set(re.findall(r"group->(\w+)\[synAddress\]", body)))
        for name in names:
            body = body.replace(f"group->{name}[synAddress]", f"ahead_{name}")
        ahead = "\n".join(f"const auto ahead_{n} = __ldcs(&group->{n}[synAddress]);" for n in names)
        return _SIDE_BY_SIDE.format(ahead=ahead, body=body)

    walk = _pattern(_WALK.format(spikes=SPIKES))
    text.value, found = re.subn(walk, side_by_side, text.value, flags=re.DOTALL)
    if not 0 < found == groups:
        raise _NotFoundError(f"{found} of {groups} kinds of synapses have rows in rings")
    if text.change(rf"\(\*group->denDelayPtr \+ ([^%]*?)\) % {slots}\)", rf"(front + \1) % {slots})",
                   None) < groups:  # fmt: skip
        raise _NotFoundError("places in rings")
    if re.search(r"\*group->denDelayPtr|srcSpkCnt\[0\]|__syncthreads|shSpk\[j\]", text.value):
        raise _NotFoundError("what is left of the walk")
    text.change(r"    __shared__ unsigned int sh(?:RowLength|Spk)\[\d+\];\n", "", 2)
    text.change(
        r"(void pushMergedPresynapticUpdateGroup\d+ToDevice\([^)]*uint32_t\* srcSpkCnt\b[^)]*\) \{\n)",
        r"\1    srcSpkCnt = pairOfCounters(srcSpkCnt);\n",
        groups,
    )
