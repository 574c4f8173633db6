// What a kernel that does nothing costs by a launch in a stream and in a CUDA graph, and what a
// barrier of a whole grid costs in a kernel that stays.
//
//     nvcc -O3 -arch=sm_90 -o launches benchmarks/launches.cu && ./launches
#include <chrono>
#include <cooperative_groups.h>
#include <cstdio>
#include <cstdlib>

namespace cg = cooperative_groups;

__device__ unsigned int arrived;

__global__ void tiny(int *p)
{
    if(threadIdx.x == 1000000) {
        *p = 1;
    }
}
__global__ void tiny_dependent(int *p)  // may start before the kernel before it has ended
{
    cudaGridDependencySynchronize();
    if(threadIdx.x == 1000000) {
        *p = 1;
    }
    cudaTriggerProgrammaticLaunchCompletion();
}
__global__ void cooperative(int n)
{
    for(int i = 0; i < n; i++) {
        cg::this_grid().sync();
    }
}
__global__ void by_volatile(int n)
{
    unsigned int expected = 0;
    for(int i = 0; i < n; i++) {
        __syncthreads();
        if(threadIdx.x == 0) {
            expected += gridDim.x;
            __threadfence();
            atomicAdd(&arrived, 1);
            while(*(volatile unsigned int *)&arrived < expected) {
            }
            __threadfence();
        }
        __syncthreads();
    }
}
__global__ void by_acquire(int n)
{
    unsigned int expected = 0;
    for(int i = 0; i < n; i++) {
        __syncthreads();
        if(threadIdx.x == 0) {
            expected += gridDim.x;
            asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(&arrived) : "memory");
            unsigned int now;
            do {
                asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(now) : "l"(&arrived) : "memory");
            } while(now < expected);
        }
        __syncthreads();
    }
}

static double now()
{
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since).count();
}
static void check(cudaError_t error)
{
    if(error != cudaSuccess) {
        std::printf("%s\n", cudaGetErrorString(error));
        std::exit(1);
    }
}

int main()
{
    const int N = 20000, NODES = 2000, TIMES = 10, BARRIERS = 5000;
    int *p = nullptr;
    cudaStream_t stream;
    check(cudaMalloc(&p, sizeof *p));
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    for(const int grid : {1, 264, 1200, 2500}) {
        cudaLaunchAttribute early;
        early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
        early.val.programmaticStreamSerializationAllowed = 1;
        cudaLaunchConfig_t config = {};
        config.gridDim = grid;
        config.blockDim = 64;
        config.stream = stream;
        config.attrs = &early;
        config.numAttrs = 1;
        tiny<<<grid, 64, 0, stream>>>(p);
        check(cudaStreamSynchronize(stream));
        double started = now();
        for(int i = 0; i < N; i++) {
            tiny<<<grid, 64, 0, stream>>>(p);
        }
        check(cudaStreamSynchronize(stream));
        std::printf("stream launch, grid %d: %.3f us\n", grid, (now() - started) / N * 1e6);
        started = now();
        for(int i = 0; i < N; i++) {
            tiny<<<grid, 64>>>(p);
        }
        check(cudaDeviceSynchronize());
        std::printf("  default stream: %.3f us\n", (now() - started) / N * 1e6);
        started = now();
        for(int i = 0; i < N; i++) {
            check(cudaLaunchKernelEx(&config, tiny_dependent, p));
        }
        check(cudaStreamSynchronize(stream));
        std::printf("  programmatic dependent: %.3f us\n", (now() - started) / N * 1e6);
        for(const bool dependent : {false, true}) {
            cudaGraph_t graph;
            cudaGraphExec_t ready;
            check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
            for(int i = 0; i < NODES; i++) {
                if(dependent) {
                    check(cudaLaunchKernelEx(&config, tiny_dependent, p));
                }
                else {
                    tiny<<<grid, 64, 0, stream>>>(p);
                }
            }
            check(cudaStreamEndCapture(stream, &graph));
            started = now();
            check(cudaGraphInstantiate(&ready, graph, 0));
            const double made = now() - started;
            check(cudaGraphLaunch(ready, stream));
            check(cudaStreamSynchronize(stream));
            started = now();
            for(int i = 0; i < TIMES; i++) {
                check(cudaGraphLaunch(ready, stream));
            }
            check(cudaStreamSynchronize(stream));
            std::printf("  graph%s: %.3f us a node (instantiate %.1f ms)\n",
                        dependent ? ", programmatic" : "", (now() - started) / (TIMES * NODES) * 1e6,
                        made * 1e3);
        }
    }
    for(const int blocks : {132, 264, 528, 1056}) {
        for(const int threads : {128, 256, 512, 1024}) {
            if(blocks * threads > 132 * 2048) {
                continue;
            }
            int n = BARRIERS;
            void *arguments[] = {&n};
            const char *names[] = {"cg", "volatile", "acquire"};
            const void *kernels[] = {(void *)cooperative, (void *)by_volatile, (void *)by_acquire};
            for(int which = 0; which < 3; which++) {
                const unsigned int zero = 0;
                check(cudaMemcpyToSymbol(arrived, &zero, sizeof zero));
                check(cudaDeviceSynchronize());
                const double started = now();
                check(cudaLaunchCooperativeKernel(kernels[which], dim3(blocks), dim3(threads), arguments, 0, stream));
                check(cudaStreamSynchronize(stream));
                std::printf("barrier %s, %d x %d: %.3f us\n", names[which], blocks, threads,
                            (now() - started) / n * 1e6);
            }
        }
    }
}
