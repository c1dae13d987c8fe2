"""What benchmarks count, exactly; and that each of them works."""
