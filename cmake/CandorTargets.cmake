# Functions that declare every target of the project, so that warnings, sanitizers and test registration are the same everywhere.

add_library(candor_flags INTERFACE)
target_compile_options(candor_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Werror)
target_include_directories(candor_flags INTERFACE ${PROJECT_SOURCE_DIR})
if(CANDOR_SANITIZE)
  target_compile_options(candor_flags INTERFACE -fsanitize=${CANDOR_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(candor_flags INTERFACE -fsanitize=${CANDOR_SANITIZE})
endif()

# candor_library(NAME DEPS...): a static library of every .cc of the current source folder's subfolder FOLDER.
function(candor_library NAME FOLDER)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*.cc)
  add_library(${NAME} STATIC ${sources})
  target_link_libraries(${NAME} PRIVATE candor_flags PUBLIC ${ARGN})
  target_include_directories(${NAME} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# candor_tests(FOLDER DEPS...): each FOLDER/*_test.cc is a program and a test of its own; *_mpi_test.cc is run on 1, 2, 3 and 4 ranks.
# Labels: "fast" for all of these. Time limits only stop a hang.
function(candor_tests FOLDER)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${FOLDER}/*_test.cc)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE candor_flags ${ARGN} GTest::gmock)
    target_compile_definitions(${name} PRIVATE CANDOR_SOURCE_DIR="${PROJECT_SOURCE_DIR}" CANDOR_BINARY_DIR="${PROJECT_BINARY_DIR}")
    if(name MATCHES "_mpi_test$")
      target_link_libraries(${name} PRIVATE candor_mpi_test_main)
      foreach(ranks 1 2 3 4)
        add_test(NAME ${name}.ranks${ranks} COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} --oversubscribe --bind-to none $<TARGET_FILE:${name}>)
        set_tests_properties(${name}.ranks${ranks} PROPERTIES LABELS "fast;mpi" TIMEOUT 300 PROCESSORS 2
          ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;ASAN_OPTIONS=detect_leaks=0")
      endforeach()
    else()
      target_link_libraries(${name} PRIVATE GTest::gtest_main)
      add_test(NAME ${name} COMMAND ${name})
      set_tests_properties(${name} PROPERTIES LABELS "fast" TIMEOUT 300 ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=passive")
    endif()
  endforeach()
endfunction()
