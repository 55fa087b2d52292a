//! zen-engine deciding tables in process: prints a line of JSON a table with the
//! nanoseconds of processor time a decision. The sum of what was decided must be
//! the one in the file.
use serde_json::Value;
use std::{env, fs, path::Path, sync::Arc};
use zen_engine::model::DecisionContent;
use zen_engine::DecisionEngine;

/// Processor time of this process in seconds, in clock ticks.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("procfs");
    let after_name = stat.rsplit(')').next().expect("a line of stat");
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number of ticks");
    (ticks(11) + ticks(12)) / 100.0
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn main() {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().expect("usage: weft-bench-zen FOLDER ROUNDS");
    let rounds: usize = arguments.next().map_or(5, |text| text.parse().expect("rounds"));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for (name, repeat) in [("t20", 150), ("t1000", 150)] {
        let table: DecisionContent =
            serde_json::from_str(&read(&Path::new(&folder).join(format!("{name}.jdm.json"))))
                .expect("a decision");
        let file: Value =
            serde_json::from_str(&read(&Path::new(&folder).join(format!("{name}.inputs.json"))))
                .expect("inputs");
        let inputs = file["inputs"].as_array().expect("a list of inputs");
        let wanted = file["sum"].as_f64().expect("a sum");
        let engine = DecisionEngine::default();
        let mut decision = engine.create_decision(Arc::new(table)).expect("a decision");
        decision.compile();
        let mut nanos = Vec::new();
        for round in 0..=rounds {
            let start = cpu_seconds();
            let mut sum = 0.0;
            runtime.block_on(async {
                for _ in 0..repeat {
                    for input in inputs {
                        let answer = decision.evaluate(input.clone().into()).await.expect("an answer");
                        sum += answer.result.to_value()["discount"].as_f64().expect("a discount");
                    }
                }
            });
            assert_eq!(sum, wanted * repeat as f64, "wrong sum of {name}");
            let count = (repeat * inputs.len()) as f64;
            if round > 0 {
                nanos.push((cpu_seconds() - start) / count * 1e9);
            }
        }
        nanos.sort_by(f64::total_cmp);
        println!(
            "{{\"name\": \"table {name}\", \"median_ns\": {:.1}, \"best_ns\": {:.1}}}",
            nanos[nanos.len() / 2],
            nanos[0]
        );
    }
}
