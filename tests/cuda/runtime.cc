// A stand-in for the CUDA runtime and driver libraries, on the CPU: a device that has memory of its
// own and nothing else. Kernels run in `device.h`, which the stand-in for nvcc compiles into the
// generated code. What is not here ends as a symbol that is not found, and is seen at once.
//
// Memory of the device is filled with rubbish, as on a card; every piece ends at a page that nobody
// may touch, so that whoever reads or writes beyond it dies there.
#include <cuda.h>
#include <cuda_runtime_api.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace {
const int RUBBISH = 0xFF;  // no number as a float, out of every range as an integer
const size_t MEMORY = size_t(8) << 30;
std::mutex lock;
struct Mapping {
    char *start;
    size_t length;
};
std::map<void *, Mapping> pieces;

cudaError_t take(void **given, size_t bytes)
{
    const std::lock_guard<std::mutex> held(lock);
    const size_t page = sysconf(_SC_PAGESIZE), room = (bytes + 15) / 16 * 16;
    const size_t length = (room + page - 1) / page * page + page;
    void *start = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if(start == MAP_FAILED) {
        return cudaErrorMemoryAllocation;
    }
    char *guard = static_cast<char *>(start) + length - page;
    std::memset(start, RUBBISH, length - page);
    mprotect(guard, page, PROT_NONE);
    *given = guard - room;
    pieces[*given] = {static_cast<char *>(start), length};
    return cudaSuccess;
}

cudaError_t leave(void *piece)
{
    const std::lock_guard<std::mutex> held(lock);
    const auto found = pieces.find(piece);
    if(found == pieces.end()) {
        return piece == nullptr ? cudaSuccess : cudaErrorInvalidValue;
    }
    munmap(found->second.start, found->second.length);
    pieces.erase(found);
    return cudaSuccess;
}
}  // namespace

extern "C" {
cudaError_t cudaGetDeviceCount(int *count) { *count = 1; return cudaSuccess; }
cudaError_t cudaSetDevice(int) { return cudaSuccess; }
cudaError_t cudaSetDeviceFlags(unsigned int) { return cudaSuccess; }
cudaError_t cudaDeviceSynchronize() { return cudaSuccess; }
cudaError_t cudaPeekAtLastError() { return cudaSuccess; }
cudaError_t cudaGetLastError() { return cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int *version) { *version = CUDART_VERSION; return cudaSuccess; }
cudaError_t cudaDeviceGetAttribute(int *value, cudaDeviceAttr attribute, int)
{
    *value = attribute == cudaDevAttrMultiProcessorCount ? 3 : 2048;  // few: fibers are slow
    return cudaSuccess;
}
const char *cudaGetErrorString(cudaError_t) { return "an error of the stand-in"; }

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *found, int)
{
    std::memset(found, 0, sizeof *found);
    std::strcpy(found->name, "a stand-in for a GPU");
    found->major = 9;  // those of an H100
    found->minor = 0;
    found->totalGlobalMem = MEMORY;
    found->multiProcessorCount = 132;
    found->warpSize = 32;
    found->maxThreadsPerBlock = 1024;
    found->maxThreadsPerMultiProcessor = 2048;
    found->maxThreadsDim[0] = found->maxThreadsDim[1] = 1024;
    found->maxThreadsDim[2] = 64;
    found->maxGridSize[0] = 2147483647;
    found->maxGridSize[1] = found->maxGridSize[2] = 65535;
    found->regsPerBlock = found->regsPerMultiprocessor = 65536;
    found->sharedMemPerBlock = 49152;
    found->sharedMemPerMultiprocessor = 233472;
    found->totalConstMem = 65536;
    found->pciBusID = 1;
    return cudaSuccess;
}

cudaError_t cudaMalloc(void **piece, size_t bytes) { return take(piece, bytes); }
cudaError_t cudaFree(void *piece) { return leave(piece); }
cudaError_t cudaHostAlloc(void **piece, size_t bytes, unsigned int) { return take(piece, bytes); }
cudaError_t cudaFreeHost(void *piece) { return leave(piece); }
cudaError_t cudaHostGetDevicePointer(void **device, void *host, unsigned int)
{
    *device = host;
    return cudaSuccess;
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind)
{
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind, cudaStream_t)
{
    std::memcpy(to, from, bytes);
    return cudaSuccess;
}
cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    std::memset(to, value, bytes);
    return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t)
{
    std::memset(to, value, bytes);
    return cudaSuccess;
}

// Of the driver: what GeNN asks of compiled kernels to choose the size of their blocks.
CUresult cuDeviceGet(CUdevice *device, int) { *device = 0; return CUDA_SUCCESS; }
CUresult cuCtxCreate_v4(CUcontext *, CUctxCreateParams *, unsigned int, CUdevice)
{
    return CUDA_SUCCESS;
}
CUresult cuCtxDestroy_v2(CUcontext) { return CUDA_SUCCESS; }
CUresult cuCtxSetCurrent(CUcontext) { return CUDA_SUCCESS; }
CUresult cuModuleLoad(CUmodule *module, const char *path)
{
    // the stand-in for nvcc leaves the source, which names its kernels, as the compiled code
    std::FILE *file = std::fopen(path, "rb");
    if(file == nullptr) {
        return CUDA_ERROR_FILE_NOT_FOUND;
    }
    std::fseek(file, 0, SEEK_END);
    const long size = std::ftell(file);
    std::rewind(file);
    char *text = static_cast<char *>(std::calloc(size + 1, 1));
    const size_t read = std::fread(text, 1, size, file);
    std::fclose(file);
    *module = reinterpret_cast<CUmodule>(text);
    return read == static_cast<size_t>(size) ? CUDA_SUCCESS : CUDA_ERROR_FILE_NOT_FOUND;
}
CUresult cuModuleUnload(CUmodule module) { std::free(module); return CUDA_SUCCESS; }
CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    *function = nullptr;
    char wanted[256];
    std::snprintf(wanted, sizeof wanted, "void %s(", name);
    const char *text = reinterpret_cast<const char *>(module);
    return std::strstr(text, wanted) == nullptr ? CUDA_ERROR_NOT_FOUND : CUDA_SUCCESS;
}
CUresult cuFuncGetAttribute(int *value, CUfunction_attribute attribute, CUfunction)
{
    *value = attribute == CU_FUNC_ATTRIBUTE_NUM_REGS ? 32 : 1024;
    return CUDA_SUCCESS;
}
CUresult cuGetErrorName(CUresult, const char **name)
{
    *name = "an error of the stand-in";
    return CUDA_SUCCESS;
}
}
