# SPDX-License-Identifier: MIT
# Takes all the time and memory that this guest has.
# shellcheck shell=sh
while true; do true; done &
while true; do true; done &
while true; do true; done &
act churn 60 32 &
while true; do
	report act bomb 3
done
