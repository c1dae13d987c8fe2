"""What condorloop costs: each module measures one thing, `benchmarks/run` runs them all."""
