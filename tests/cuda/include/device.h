// A stand-in for a GPU that runs generated CUDA code on the CPU, as far as GeNN's code goes.
//
// The threads of a block are fibers, which give way to each other at barriers and shuffles and
// nowhere else; blocks run one after the other. So no thread is ever disturbed, and what only goes
// wrong when two of them meet has to be looked for: an element of shared memory that two threads of
// a block touch between two barriers, one of them writing and not atomically, ends the process.
#pragma once
#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __forceinline__ inline
#define __launch_bounds__(...)

enum cudaError_t { cudaSuccess = 0 };
enum cudaMemcpyKind { cudaMemcpyHostToHost, cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost };
typedef struct Stream *cudaStream_t;
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal = 1 };
enum cudaDeviceAttr {
    cudaDevAttrMultiProcessorCount = 16,
    cudaDevAttrMaxThreadsPerMultiProcessor = 39
};
struct curandState {};
struct curandStatePhilox4_32_10_t {};
struct dim3 {
    unsigned int x, y, z;
    dim3(unsigned int x = 1, unsigned int y = 1, unsigned int z = 1) : x(x), y(y), z(z) {}
};
extern "C" cudaError_t cudaPeekAtLastError();
extern "C" cudaError_t cudaDeviceSynchronize();
extern "C" const char *cudaGetErrorString(cudaError_t);
extern "C" cudaError_t cudaMemset(void *, int, size_t);
extern "C" cudaError_t cudaDeviceGetAttribute(int *, cudaDeviceAttr, int);

// A graph is what was launched while its stream was captured.
typedef std::vector<std::function<void()>> *cudaGraph_t, *cudaGraphExec_t;
struct Stream {
    cudaGraph_t captured = nullptr;
};
inline cudaError_t cudaStreamCreate(cudaStream_t *stream)
{
    *stream = new Stream;
    return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode)
{
    stream->captured = new std::vector<std::function<void()>>;
    return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph)
{
    *graph = stream->captured;
    stream->captured = nullptr;
    return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t *made, cudaGraph_t graph, unsigned long long)
{
    *made = new std::vector<std::function<void()>>(*graph);
    return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t)
{
    for(const auto &launch : *graph) {
        launch();
    }
    return cudaSuccess;
}
template<class Symbol>
cudaError_t cudaGetSymbolAddress(void **address, Symbol &symbol)
{
    *address = &symbol;
    return cudaSuccess;
}

template<class Symbol>
cudaError_t cudaMemcpyToSymbolAsync(Symbol &symbol, const void *from, size_t bytes, size_t offset = 0,
                                    cudaMemcpyKind = cudaMemcpyHostToDevice, cudaStream_t = nullptr)
{
    if(offset + bytes > sizeof symbol) {
        std::fprintf(stderr, "stand-in: a copy beyond the end of a symbol\n");
        std::abort();
    }
    std::memcpy(reinterpret_cast<char *>(&symbol) + offset, from, bytes);
    return cudaSuccess;
}

namespace standin {
const unsigned int WARP = 32;
const size_t STACK = 256 << 10;
enum class Wait { nothing, block, warp, ended };

struct Fiber {
    jmp_buf place;
    ucontext_t first;
    std::vector<char> stack;
    Wait wait;
};

struct Device {
    std::vector<Fiber> fibers;
    jmp_buf scheduler;
    unsigned int current = 0, threads = 0;
    uint64_t epoch = 1;  // counts the barriers of all blocks
    std::function<void()> kernel;
    uint64_t exchanged[1024];  // what the lanes of all warps hand to each other
};
inline Device &device()
{
    static Device only;
    return only;
}
inline dim3 &index() { static dim3 only; return only; }

inline void entry()
{
    device().kernel();
    device().fibers[device().current].wait = Wait::ended;
    _longjmp(device().scheduler, 1);
}

inline void give_way(Wait wait)
{
    Fiber &own = device().fibers[device().current];
    own.wait = wait;
    if(_setjmp(own.place) == 0) {
        _longjmp(device().scheduler, 1);
    }
}

inline void resume(unsigned int number, bool begins)
{
    Device &d = device();
    d.current = number;
    if(_setjmp(d.scheduler) == 0) {
        if(!begins) {
            _longjmp(d.fibers[number].place, 1);
        }
        Fiber &fiber = d.fibers[number];
        getcontext(&fiber.first);
        fiber.stack.resize(STACK);
        fiber.first.uc_stack.ss_sp = fiber.stack.data();
        fiber.first.uc_stack.ss_size = STACK;
        fiber.first.uc_link = nullptr;
        makecontext(&fiber.first, entry, 0);
        setcontext(&fiber.first);
    }
}
}  // namespace standin

#define threadIdx (standin::thread_index())
#define blockIdx (standin::index())

namespace standin {
inline dim3 &block_size() { static dim3 only; return only; }
inline dim3 &grid_size() { static dim3 only; return only; }
inline dim3 thread_index()
{
    const unsigned int number = device().current, wide = block_size().x, high = block_size().y;
    return dim3(number % wide, number / wide % high, number / (wide * high));
}

inline void run_block()
{
    Device &d = device();
    for(unsigned int k = 0; k < d.threads; k++) {
        d.fibers[k].wait = Wait::nothing;
    }
    bool begins = true;
    for(;;) {
        for(unsigned int k = 0; k < d.threads; k++) {
            if(d.fibers[k].wait == Wait::nothing) {
                resume(k, begins);
            }
        }
        begins = false;
        bool released = false, alive = false;
        for(unsigned int first = 0; first < d.threads; first += WARP) {
            const unsigned int last = std::min(first + WARP, d.threads);
            bool all = true, any = false;
            for(unsigned int k = first; k < last; k++) {
                alive |= d.fibers[k].wait != Wait::ended;
                any |= d.fibers[k].wait == Wait::warp;
                all &= d.fibers[k].wait == Wait::warp || d.fibers[k].wait == Wait::ended;
            }
            if(any && all) {
                released = true;
                for(unsigned int k = first; k < last; k++) {
                    if(d.fibers[k].wait == Wait::warp) {
                        d.fibers[k].wait = Wait::nothing;
                    }
                }
            }
        }
        if(!alive) {
            break;
        }
        if(!released) {
            for(unsigned int k = 0; k < d.threads; k++) {
                if(d.fibers[k].wait == Wait::warp) {
                    std::fprintf(stderr, "stand-in: some threads wait for a warp that never comes\n");
                    std::abort();
                }
                if(d.fibers[k].wait == Wait::block) {
                    d.fibers[k].wait = Wait::nothing;
                }
            }
            d.epoch++;
        }
    }
    d.epoch++;
}

template<class Kernel>
void launch(dim3 grid, dim3 block, Kernel kernel, cudaStream_t stream)
{
    if(stream != nullptr && stream->captured != nullptr) {
        stream->captured->push_back([=] { launch(grid, block, kernel, nullptr); });
        return;
    }
    Device &d = device();
    d.threads = block.x * block.y * block.z;
    if(d.threads == 0 || d.threads > 1024 || grid.x * grid.y * grid.z == 0) {
        std::fprintf(stderr, "stand-in: a launch of no thread, or of too many in a block\n");
        std::abort();
    }
    if(d.fibers.size() < d.threads) {
        d.fibers.resize(d.threads);
    }
    d.kernel = kernel;
    grid_size() = grid;
    block_size() = block;
    for(unsigned int z = 0; z < grid.z; z++) {
        for(unsigned int y = 0; y < grid.y; y++) {
            for(unsigned int x = 0; x < grid.x; x++) {
                index() = dim3(x, y, z);
                run_block();
            }
        }
    }
    d.kernel = nullptr;  // of a library that may be closed before the next launch
}

// An element of shared memory, which knows who touched it since the last barrier.
template<class T>
class Shared {
    T value;
    uint64_t read_in = 0, written_in = 0, added_in = 0;
    unsigned int reader = 0, writer = 0;
    bool many_readers = false;

    void race(const char *what) const
    {
        std::fprintf(stderr, "stand-in: threads meet in shared memory without a barrier: %s\n", what);
        std::abort();
    }

public:
    Shared() {}
    operator T()
    {
        const Device &d = device();
        if((written_in == d.epoch && writer != d.current) || added_in == d.epoch) {
            race("one reads what another wrote");
        }
        many_readers = read_in == d.epoch && (many_readers || reader != d.current);
        read_in = d.epoch;
        reader = d.current;
        return value;
    }
    Shared &operator=(T given)
    {
        const Device &d = device();
        const bool other = read_in == d.epoch && (many_readers || reader != d.current);
        if((written_in == d.epoch && writer != d.current) || other || added_in == d.epoch) {
            race("one writes what another reads or writes");
        }
        written_in = d.epoch;
        writer = d.current;
        value = given;
        return *this;
    }
    Shared &operator=(const Shared &other) = delete;
    Shared &operator+=(T given) { return *this = T(*this) + given; }
    template<class Change>
    T atomic(Change change)
    {
        const Device &d = device();
        if(written_in == d.epoch || read_in == d.epoch) {
            race("one adds to what another reads or writes");
        }
        added_in = d.epoch;
        const T before = value;
        value = change(before);
        return before;
    }
};
template<class T, class Change>
T atomic(T *place, Change change)
{
    const T before = *place;
    *place = change(before);
    return before;
}
template<class T, class Change>
T atomic(Shared<T> *place, Change change)
{
    return place->atomic(change);
}
template<class T> struct Held { typedef T type; };
template<class T> struct Held<Shared<T>> { typedef T type; };

template<class T>
T exchange(T value, unsigned int from)
{
    Device &d = device();
    static_assert(sizeof(T) <= sizeof(uint64_t), "values of up to 64 bits");
    std::memcpy(&d.exchanged[d.current], &value, sizeof value);
    give_way(Wait::warp);
    T found = value;
    const unsigned int first = d.current / WARP * WARP;
    if(from < WARP && first + from < d.threads) {
        std::memcpy(&found, &d.exchanged[first + from], sizeof found);
    }
    give_way(Wait::warp);
    return found;
}
}  // namespace standin

#define blockDim (standin::block_size())
#define gridDim (standin::grid_size())

inline void __syncthreads() { standin::give_way(standin::Wait::block); }
inline void __syncwarp(unsigned int = ~0u) { standin::give_way(standin::Wait::warp); }
inline void __threadfence() {}
template<class T>
typename standin::Held<T>::type atomicAdd(T *place, typename standin::Held<T>::type value)
{
    typedef typename standin::Held<T>::type Value;
    return standin::atomic(place, [value](Value old) { return Value(old + value); });
}
template<class T>
typename standin::Held<T>::type atomicOr(T *place, typename standin::Held<T>::type value)
{
    typedef typename standin::Held<T>::type Value;
    return standin::atomic(place, [value](Value old) { return Value(old | value); });
}
template<class T>
T __shfl_down_sync(unsigned int, T value, unsigned int by)
{
    return standin::exchange(value, standin::device().current % standin::WARP + by);
}
template<class T>
T __shfl_sync(unsigned int, T value, unsigned int lane)
{
    return standin::exchange(value, lane);
}
template<class T>
T __ldcs(const T *place)
{
    return *place;
}
template<class T>
T __ldg(const T *place)
{
    return *place;
}
inline int __clz(unsigned int value) { return value == 0 ? 32 : __builtin_clz(value); }
inline int __popc(unsigned int value) { return __builtin_popcount(value); }
inline int __ffs(unsigned int value) { return __builtin_ffs(value); }
using std::fmax;
using std::fmin;
using std::max;
using std::min;
