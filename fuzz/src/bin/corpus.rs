//! `corpus <target> <folder>`: writes the inputs that a target starts from.

#![allow(clippy::expect_used, reason = "a tool of the Makefile")]

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use portcullis_fuzz::TARGETS;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, folder] = arguments.as_slice() else {
        for target in TARGETS {
            println!("{} {}", target.name, target.max_len);
        }
        return ExitCode::SUCCESS;
    };
    let Some(target) = TARGETS.iter().find(|target| target.name == *name) else {
        eprintln!("no target {name}; there are:");
        TARGETS.iter().for_each(|target| eprintln!("  {}", target.name));
        return ExitCode::FAILURE;
    };
    let seeds = (target.seeds)();
    fs::create_dir_all(folder).expect("the folder can be made");
    let short = seeds.iter().filter(|seed| seed.len() <= target.max_len);
    let count = short.enumerate().map(|(index, seed)| {
        fs::write(Path::new(folder).join(format!("seed-{index:05}")), seed).expect("a file can be written");
    });
    println!("{name}: {} seeds", count.count());
    ExitCode::SUCCESS
}
