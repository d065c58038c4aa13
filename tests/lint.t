#!/bin/sh
# SPDX-License-Identifier: MIT
# `make lint` as a test.
exec make --no-print-directory lint
