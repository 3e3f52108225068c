//! Looks for the most expensive request: `hostile [--paranoia 1] [--bytes 8192] [--seconds 60] [--seed 1] [--limit-ms 5]`.
//! `hostile --request <file>` says what one costs; with `--times 1` it judges it so often, after once when patterns are
//! compiled, and says nothing, for profilers: these look at `repeat`.
//!
//! Every shape that a request can have is filled with every unit of a pool: what decoders, tokenizers and patterns care
//! about, the attack lists, the Core Rule Set's words. Then the most expensive of these are changed, and what is more
//! expensive takes their places, until the time is over. What counts is the CPU time of this thread for all phases of the
//! request, the least of several runs: other work on the machine only ever adds.
//!
//! It ends with the most expensive requests of different kinds and, if built with the feature `profile`, the rules that
//! they spend their time on, and leaves them in `target/hostile/` as they are sent. It fails if one takes longer than
//! `--limit-ms`, unless that is 0.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a tool of the Makefile"
)]

mod changed;
mod pool;
mod report;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use changed::changed;
use pool::{Pool, Random};
use portcullis_engine::{Options, Scratch, Waf};
use portcullis_fuzz::crs;
use portcullis_fuzz::genome::Genome;
use portcullis_fuzz::hostile::judge;
use portcullis_fuzz::request::Request;

fn main() -> ExitCode {
    let choice = Choice::from_arguments();
    let Some(waf) = crs::load(choice.paranoia, "On", &Options::default()) else {
        println!("skipped: there is no Core Rule Set in .tools/crs: `make crs`");
        return ExitCode::SUCCESS;
    };
    let mut search = Search { waf, memory: None, bytes: choice.bytes, best: Vec::new(), tried: 0 };
    if let Some(file) = &choice.request {
        let text = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
        let request = Request::parse(&text);
        match choice.times {
            0 => report::costs(&mut search, "", &request),
            times => {
                search.memory = Some(judge(&search.waf, &request, Scratch::new()));
                search.repeat(&request, times);
            }
        }
        return ExitCode::SUCCESS;
    }
    let pool = Pool::new();
    let mut random = Random::new(choice.seed);
    let start = Instant::now();
    for genome in pool.first(&mut random) {
        search.consider(genome);
        if start.elapsed() > choice.time / 2 {
            break;
        }
    }
    println!(
        "{} requests in {:.0?}; the worst takes {:.2} ms",
        search.tried,
        start.elapsed(),
        search.worst()
    );
    while start.elapsed() < choice.time {
        // The worst of all more often.
        let among = if random.below(2) == 0 { search.best.len() / 6 } else { search.best.len() };
        let parent = search.best[random.below(among)].genome.clone();
        search.consider(changed(parent, &pool, &mut random));
    }
    println!(
        "{} requests in {:.0?}; the worst takes {:.2} ms",
        search.tried,
        start.elapsed(),
        search.worst()
    );
    report::print(&mut search, choice.paranoia);
    if choice.limit_ms > 0.0 && search.worst() > choice.limit_ms {
        println!("More than {} ms.", choice.limit_ms);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Choice {
    paranoia: u8,
    bytes: usize,
    time: Duration,
    seed: u64,
    limit_ms: f64,
    request: Option<String>,
    times: usize,
}

impl Choice {
    fn from_arguments() -> Self {
        let mut choice = Self {
            paranoia: 1,
            bytes: 8192,
            time: Duration::from_secs(60),
            seed: 1,
            limit_ms: 0.0,
            request: None,
            times: 0,
        };
        let mut arguments = std::env::args().skip(1);
        while let (Some(name), Some(value)) = (arguments.next(), arguments.next()) {
            match name.as_str() {
                "--paranoia" => choice.paranoia = value.parse().expect("1 to 4"),
                "--bytes" => choice.bytes = value.parse().expect("a number"),
                "--seconds" => choice.time = Duration::from_secs(value.parse().expect("a number")),
                "--seed" => choice.seed = value.parse().expect("a number"),
                "--limit-ms" => choice.limit_ms = value.parse().expect("a number"),
                "--request" => choice.request = Some(value),
                "--times" => choice.times = value.parse().expect("a number"),
                _ => panic!("no option {name}"),
            }
        }
        choice
    }
}

/// A request and what it costs.
struct Found {
    genome: Genome,
    nanoseconds: u64,
}

/// How many of each shape are kept and changed.
const KEPT: usize = 6;

struct Search {
    waf: Waf,
    memory: Option<Scratch>,
    /// How large a request may be, head and body together.
    bytes: usize,
    /// Of each shape the most expensive, the worst first.
    best: Vec<Found>,
    tried: usize,
}

impl Search {
    /// Keeps the request if it is among the most expensive of its shape.
    fn consider(&mut self, genome: Genome) {
        let request = genome.request(self.bytes);
        let kin: Vec<u64> = self.of_shape(&genome).map(|found| found.nanoseconds).collect();
        let least = if kin.len() < KEPT { 0 } else { *kin.last().unwrap() };
        self.tried += 1;
        if request.to_bytes().len() > self.bytes {
            return;
        }
        // Most are no candidates, which one run tells.
        if self.cost(&request, 1) <= least {
            return;
        }
        let nanoseconds = self.cost(&request, 4);
        if nanoseconds <= least
            || self.of_shape(&genome).any(|found| found.genome.request(self.bytes) == request)
        {
            return;
        }
        let shape = genome.shape;
        self.best.push(Found { genome, nanoseconds });
        self.best.sort_by_key(|found| std::cmp::Reverse(found.nanoseconds));
        if kin.len() >= KEPT {
            let last = self.best.iter().rposition(|found| found.genome.shape == shape).unwrap();
            self.best.remove(last);
        }
    }

    fn of_shape(&self, genome: &Genome) -> impl Iterator<Item = &Found> {
        self.best.iter().filter(move |found| found.genome.shape == genome.shape)
    }

    /// Milliseconds.
    fn worst(&self) -> f64 {
        self.best.first().map_or(0.0, |found| found.nanoseconds as f64 / 1e6)
    }

    /// The least of some runs.
    fn cost(&mut self, request: &Request, runs: usize) -> u64 {
        (0..runs).map(|_| self.run(request)).min().unwrap_or(0)
    }

    #[inline(never)]
    fn repeat(&mut self, request: &Request, times: usize) {
        for _ in 0..times {
            self.memory = Some(judge(&self.waf, request, self.memory.take().unwrap_or_default()));
        }
    }

    /// Nanoseconds of CPU for one.
    fn run(&mut self, request: &Request) -> u64 {
        let start = cpu();
        let memory = judge(&self.waf, request, self.memory.take().unwrap_or_default());
        self.memory = Some(memory);
        cpu() - start
    }
}

/// Nanoseconds of CPU that this thread has had.
fn cpu() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
