# SPDX-License-Identifier: Apache-2.0
"""The benchmark of the XDP offload; see Documentation/topics/benchmark.rst."""
