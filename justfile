# One door to everything: `just` lists the recipes. CI runs the same steps (.ci/run without a name: all).

_default:
    @just --list

# Formatting, layers and licences, lints, documentation
check:
    .ci/run fmt deny clippy doc

# All tests, by the command that README.md gives, and the commands in the docs
test:
    .ci/run test

# Look at snapshots that changed, and take them (needs cargo-insta)
snap:
    cargo insta test --workspace --review

# Each fuzz target for SECONDS
fuzz SECONDS="30":
    FUZZ_SECONDS={{SECONDS}} .ci/run fuzz

# Every capture at hand whole, cut and with bytes flipped, through everything: SHARE of the cases, 1 is all
hostile SHARE="1":
    cargo xtask hostile --share {{SHARE}}

# Micro benchmarks, then `report` beside its peers on the benchmark capture, and under a flood
bench:
    cargo bench --workspace
    cargo xtask bench --flood

# Write the generated pages again
docs:
    cargo xtask docs

# Layers, licences, sources; advisories too (these need the network)
deny:
    .ci/run deny
    cargo deny check advisories

# Make the example capture again (needs root)
example:
    sudo examples/make-example.sh
