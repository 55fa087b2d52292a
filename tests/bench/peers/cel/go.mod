module weft.example/bench/cel

go 1.25

require github.com/google/cel-go v0.29.2
