// What a config's model section chooses among.
#pragma once

#include "trainer/choices/choice_table.h"

namespace candor::launch {

enum class WeightsDtype { kFp32, kBf16, kFp64 };
enum class ProductsChoice { kFp32, kBf16, kAuto };
enum class DeviceChoice { kAuto, kCpu, kCuda };

}  // namespace candor::launch

namespace candor::trainer {

template <>
inline constexpr auto kChoices<launch::WeightsDtype> = std::array{
    Choice{launch::WeightsDtype::kFp32, "fp32"}, Choice{launch::WeightsDtype::kBf16, "bf16"},
    Choice{launch::WeightsDtype::kFp64, "fp64"}};

template <>
inline constexpr auto kChoices<launch::ProductsChoice> = std::array{
    Choice{launch::ProductsChoice::kFp32, "fp32"}, Choice{launch::ProductsChoice::kBf16, "bf16"},
    Choice{launch::ProductsChoice::kAuto, "auto"}};

template <>
inline constexpr auto kChoices<launch::DeviceChoice> = std::array{
    Choice{launch::DeviceChoice::kAuto, "auto"}, Choice{launch::DeviceChoice::kCpu, "cpu"},
    Choice{launch::DeviceChoice::kCuda, "cuda"}};

}  // namespace candor::trainer
