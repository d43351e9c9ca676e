#!/usr/bin/env python3
"""benchmarks/scaling_model.py: its formulas against cases worked out by hand, its parameters against the measurements they are said to come from, and
docs/scaling.md against what it prints."""
import json
import pathlib
import statistics
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "benchmarks"))
import scaling_model as model  # noqa: E402

# A byte takes 1/8e9 s over the network of a host, and a message a millisecond.
PLAIN = model.Network("plain", 8e9, 1e-3)


class ScalingModelTest(unittest.TestCase):
    def test_rows_hold_the_prefix_once(self):
        self.assertEqual(model.rows(1), 306)
        self.assertEqual(model.rows(32), 2042)  # as results/h100-llama-3.1-8b.json counts them

    def test_a_step_goes_through_both_measured_points(self):
        step = model.whole_step()
        self.assertAlmostEqual(step.seconds(8), 0.079, 9)
        self.assertAlmostEqual(step.seconds(32), 0.1931, 9)
        self.assertAlmostEqual(step.row_s, 0.1141 / 1344, 12)
        self.assertEqual(step.seconds(0), 0)
        self.assertAlmostEqual(model.upper_third_step().seconds(32), 0.0976, 9)

    def test_parameters_are_those_of_the_results(self):
        runs = json.loads((ROOT / "benchmarks/results/h100-llama-3.1-8b.json").read_text())["shapes"][0]["runs"]
        self.assertAlmostEqual(model.MEASURED_STEPS[32], statistics.median(runs["candor bf16 on one GPU"]["seconds"]), 6)
        self.assertAlmostEqual(model.MEASURED_UPPER_THIRD_32, statistics.median(runs["candor frozen bf16"]["seconds"]), 6)
        self.assertEqual(runs["candor bf16 on one GPU"]["rows"], model.rows(32))

    def test_lora_parameters(self):
        # q: 8 x 4096 and 4096 x 8; v: 8 x 4096 and 1024 x 8; 32 layers.
        self.assertEqual(model.lora_parameters(*model.CONFIGS["configs/paper/llama31.yaml"]), 32 * (65536 + 40960))
        self.assertEqual(model.lora_parameters(1, 2, [(3, 5), (7, 1)]), 2 * (8 + 8))

    def test_an_all_reduce_inside_a_host(self):
        # Two GPUs: each sends half of the bytes twice; two messages.
        self.assertAlmostEqual(model.sum_seconds(360e9, 2, PLAIN), 1 + 2 * 5e-6, 9)
        self.assertEqual(model.sum_seconds(1e9, 1, PLAIN), 0)

    def test_an_all_reduce_between_hosts(self):
        # Two hosts of eight: 2 x 7/8 of the bytes inside, in 14 messages; 2 x 1/2 of them between, in 2 messages.
        self.assertAlmostEqual(model.sum_seconds(8e9, 16, PLAIN), 1.75 * 8e9 / 360e9 + 14 * 5e-6 + 1 + 2e-3, 9)
        # Four hosts: 2 x 3/4 of the bytes, 4 messages.
        self.assertAlmostEqual(model.sum_seconds(8e9, 32, PLAIN), 1.75 * 8e9 / 360e9 + 14 * 5e-6 + 1.5 + 4e-3, 9)

    def test_what_is_exchanged_in_a_step(self):
        self.assertEqual(model.exchange_seconds(10**6, 1, PLAIN), 0)
        # 16 ranks: the sum of 8 bytes a parameter, two of 8 bytes, three all-gathers of four messages one after the other.
        expected = model.sum_seconds(8e6, 16, PLAIN) + 2 * model.sum_seconds(8, 16, PLAIN) + 12e-3
        self.assertAlmostEqual(model.exchange_seconds(10**6, 16, PLAIN), expected, 12)

    def test_start_and_load(self):
        self.assertAlmostEqual(model.start_seconds(8), 0 + 1.0 + 0.016 + 5, 9)
        self.assertAlmostEqual(model.start_seconds(64), 0.5 + 1.0 + 0.128 + 5, 9)
        self.assertAlmostEqual(model.start_seconds(8, cores_a_host=4, with_gpu=False), 2 * 0.77 + 0.016, 9)
        self.assertAlmostEqual(model.load_seconds(1), 16.06 / 5 + 16.06 / 8, 9)
        self.assertAlmostEqual(model.load_seconds(64), 16.06 / 5 + 63 * 16.06 / 20 + 16.06 / 8, 9)

    def test_a_share_of_many_examples_is_cut_into_micro_batches(self):
        step = model.Step(0.5, 1e-3)
        self.assertEqual(model.share_of(64, step), (2 * 2042, 2 * step.seconds(32)))
        self.assertEqual(model.share_of(4, step), (474, 0.5 + 0.474))

    def test_a_run_of_a_sweep(self):
        step = model.Step(0.0, 1e-3)
        self.assertAlmostEqual(model.run_seconds(10, 32, 1, 1, step, 10**6, PLAIN), model.start_seconds(1) + model.load_seconds(1) + 10 * 2.042, 9)

    def test_the_document_holds_what_the_model_prints(self):
        printed = subprocess.run([sys.executable, "-B", ROOT / "benchmarks/scaling_model.py"], capture_output=True, text=True, check=True).stdout
        self.assertGreater(printed.count("\n| "), 20)
        self.assertIn(printed, (ROOT / "docs/scaling.md").read_text(), "run benchmarks/scaling_model.py and put its output into docs/scaling.md")


if __name__ == "__main__":
    unittest.main()
