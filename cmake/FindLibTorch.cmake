# Finds libtorch inside a Python environment: LIBTORCH_PREFIX (a folder that holds torch/lib), else the project's own .deps/python.
# Targets: LibTorch::cpu (never loads libtorch_cuda) and, where CANDOR_CUDA is set, LibTorch::cuda.
file(GLOB _candor_torch_candidates ${PROJECT_SOURCE_DIR}/.deps/python/lib/python3*/site-packages)
find_path(LIBTORCH_PREFIX torch/lib/libtorch_cpu.so HINTS $ENV{CANDOR_LIBTORCH_PREFIX} ${_candor_torch_candidates} NO_DEFAULT_PATH
  DOC "site-packages folder that holds torch/ (launch/setup/install.sh makes it)")
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LIBTORCH_PREFIX
  REASON_FAILURE_MESSAGE "run launch/setup/install.sh, or set -DLIBTORCH_PREFIX= to a site-packages folder with torch 2.11")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  set(_lib ${LIBTORCH_PREFIX}/torch/lib)
  # RUNPATH isn't inherited by libraries of libraries, so the nvidia folders that libtorch's own dependencies live in go into RPATH.
  file(GLOB _nvidia_libs LIST_DIRECTORIES true ${LIBTORCH_PREFIX}/nvidia/*/lib)
  add_library(LibTorch::cpu INTERFACE IMPORTED)
  target_include_directories(LibTorch::cpu SYSTEM INTERFACE ${LIBTORCH_PREFIX}/torch/include)
  target_link_libraries(LibTorch::cpu INTERFACE ${_lib}/libtorch_cpu.so ${_lib}/libc10.so)
  target_link_options(LibTorch::cpu INTERFACE LINKER:--disable-new-dtags LINKER:-rpath,${_lib})
  foreach(_nvidia_lib ${_nvidia_libs})
    target_link_options(LibTorch::cpu INTERFACE LINKER:-rpath,${_nvidia_lib})
  endforeach()
  if(CANDOR_CUDA)
    add_library(LibTorch::cuda INTERFACE IMPORTED)
    # One item, so that CMake neither reorders nor merges its parts. (LINKER: is understood among link options only.)
    target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu -Wl,--push-state,--no-as-needed,${_lib}/libtorch_cuda.so,${_lib}/libc10_cuda.so,--pop-state)
  endif()
endif()
