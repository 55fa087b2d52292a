// cel-go evaluating the expression that rules_bench evaluates, too: prints a line
// of JSON with the nanoseconds of processor time an evaluation, for facts in a map
// and for facts behind an activation of their own.
package main

import (
	"fmt"
	"math"
	"os"
	"sort"
	"strconv"
	"syscall"

	"github.com/google/cel-go/cel"
)

const count = 500000

type facts struct {
	qty   int64
	group string
	price float64
}

func (f *facts) ResolveName(name string) (any, bool) {
	switch name {
	case "qty":
		return f.qty, true
	case "group":
		return f.group, true
	case "price":
		return f.price, true
	}
	return nil, false
}

func (f *facts) Parent() cel.Activation { return nil }

func cpuSeconds() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	micros := usage.Utime.Usec + usage.Stime.Usec
	return float64(usage.Utime.Sec+usage.Stime.Sec) + float64(micros)/1e6
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func measure(name string, rounds int, evaluate func(i int) float64) {
	var nanos []float64
	for round := 0; round <= rounds; round++ {
		start, sum := cpuSeconds(), 0.0
		for i := 0; i < count; i++ {
			sum += evaluate(i)
		}
		if math.Abs(sum-count*97.5) > 1 {
			panic(fmt.Sprint("wrong sum: ", sum))
		}
		if round > 0 {
			nanos = append(nanos, (cpuSeconds()-start)/count*1e9)
		}
	}
	sort.Float64s(nanos)
	fmt.Printf("{\"name\": %q, \"median_ns\": %.1f, \"best_ns\": %.1f}\n", name,
		nanos[len(nanos)/2], nanos[0])
}

func main() {
	rounds := 5
	if len(os.Args) > 1 {
		rounds = must(strconv.Atoi(os.Args[1]))
	}
	env := must(cel.NewEnv(cel.Variable("qty", cel.IntType), cel.Variable("group", cel.StringType),
		cel.Variable("price", cel.DoubleType)))
	ast, issues := env.Compile(`qty >= 100 && group == "A" ? price * 0.9 : price`)
	if issues.Err() != nil {
		panic(issues.Err())
	}
	program := must(env.Program(ast, cel.EvalOptions(cel.OptOptimize)))
	groups := []string{"A", "B"}
	eval := func(input any) float64 {
		value, _, err := program.Eval(input)
		if err != nil {
			panic(err)
		}
		return value.Value().(float64)
	}
	measure("expression, map", rounds, func(i int) float64 {
		return eval(map[string]any{"qty": int64(i % 200), "group": groups[i%2], "price": 100.0})
	})
	one := &facts{price: 100}
	measure("expression, activation", rounds, func(i int) float64 {
		one.qty, one.group = int64(i%200), groups[i%2]
		return eval(one)
	})
}
