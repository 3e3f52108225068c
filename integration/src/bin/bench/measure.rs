//! Rounds.

use super::statistics::{Spread, quantile};
use super::subject::Subject;
use std::fs;
use std::ops::Range;
use std::thread::sleep;
use std::time::Duration;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) rounds: u32,
    pub(crate) slice: Duration,
    pub(crate) connections: u32,
    pub(crate) rest: Duration,
    /// The waf's paranoia level.
    pub(crate) paranoia: u32,
    /// Workers of each Envoy.
    pub(crate) workers: u32,
    /// Requests over which the waf's memory is watched after the rounds.
    pub(crate) soak: u64,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            rounds: 15,
            slice: Duration::from_millis(300),
            connections: 8,
            rest: Duration::from_secs(60),
            paranoia: 1,
            workers: 1,
            soak: 0,
        }
    }
}

/// A request, and the subjects it is sent to with the status that each answers.
pub(crate) struct Probe {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Where these have a number that is to be another one each time.
    pub(crate) number: Option<Range<usize>>,
    pub(crate) statuses: Vec<(&'static str, u16)>,
}

/// All visits of one subject with one request.
#[derive(Default)]
pub(crate) struct Series {
    pub(crate) subject: &'static str,
    pub(crate) probe: String,
    /// CPU time of Envoy for each request, in microseconds, by round.
    pub(crate) cpu: Vec<f64>,
    /// Requests per second, by round.
    pub(crate) rate: Vec<f64>,
    /// Of each request, in seconds.
    latencies: Vec<f64>,
}

impl Series {
    /// This share of all requests took at most so many microseconds.
    pub(crate) fn latency(&self, share: f64) -> f64 {
        let mut latencies = self.latencies.clone();
        latencies.sort_by(f64::total_cmp);
        quantile(&latencies, share) * 1e6
    }

    fn undisturbed(&self) -> f64 {
        let mut cpu = self.cpu.clone();
        cpu.sort_by(f64::total_cmp);
        quantile(&cpu, 0.1)
    }

    pub(crate) fn requests(&self) -> usize {
        self.latencies.len()
    }
}

/// Resident memory of a subject in bytes.
pub(crate) struct Memory {
    pub(crate) at_start: u64,
    pub(crate) by_round: Vec<u64>,
    pub(crate) after_rest: u64,
}

/// What was measured.
pub(crate) struct Measured {
    pub(crate) series: Vec<Series>,
    pub(crate) memory: Vec<Memory>,
    /// The machine's load average at the end of each round.
    pub(crate) load: Spread,
}

impl Measured {
    pub(crate) fn series(&self, subject: &str, probe: &str) -> &Series {
        let found = self.series.iter().find(|series| series.subject == subject && series.probe == probe);
        found.unwrap_or_else(|| panic!("{subject} was not measured with {probe}"))
    }

    /// The CPU time that `subject` takes for each request over that of `base`, compared within each round, in microseconds.
    pub(crate) fn added(&self, subject: &str, base: &str, probe: &str) -> Spread {
        let (with, without) = (self.series(subject, probe), self.series(base, probe));
        Spread::of(with.cpu.iter().zip(&without.cpu).map(|(with, without)| with - without))
    }

    /// The same between the rounds in which each was disturbed least: the tenth that took least. What others do on the machine
    /// only adds, so on a busy one this is nearer to the truth.
    pub(crate) fn added_undisturbed(&self, subject: &str, base: &str, probe: &str) -> f64 {
        self.series(subject, probe).undisturbed() - self.series(base, probe).undisturbed()
    }
}

/// Visits every subject with every request, once to warm up and then in each round, the subjects in turning order.
pub(crate) fn run(subjects: &[Subject], probes: &[Probe], plan: &Plan) -> Measured {
    let mut memory: Vec<_> = subjects
        .iter()
        .map(|subject| Memory { at_start: subject.memory(), by_round: Vec::new(), after_rest: 0 })
        .collect();
    let mut series: Vec<Series> = Vec::new();
    let mut load = Vec::new();
    for round in 0..=plan.rounds {
        for probe in probes {
            let mut chosen: Vec<(usize, u16)> =
                probe.statuses.iter().map(|(name, status)| (position(subjects, name), *status)).collect();
            let turn = round as usize % chosen.len();
            chosen.rotate_left(turn);
            for (at, status) in chosen {
                visit(&subjects[at], probe, status, plan, (round > 0).then_some(&mut series));
            }
        }
        for (memory, subject) in memory.iter_mut().zip(subjects) {
            memory.by_round.push(subject.memory());
        }
        load.push(load_average());
        println!("round {round} of {}, load average {:.1}", plan.rounds, load_average());
    }
    println!("resting for {:?}", plan.rest);
    sleep(plan.rest);
    for (memory, subject) in memory.iter_mut().zip(subjects) {
        memory.after_rest = subject.memory();
        subject.assert_sound();
    }
    Measured { series, memory, load: Spread::of(load) }
}

/// Resident memory of a subject in bytes, before and after each tenth of the requests, with how many there were.
pub(crate) fn soak(subject: &Subject, probes: &[Probe], plan: &Plan) -> Vec<(u64, u64)> {
    let mut points = vec![(0, subject.memory())];
    let mut sent = 0;
    for tenth in 1..=10 {
        // Each tenth sends something, so that there is a slope however few are asked for.
        loop {
            for probe in probes {
                let status = probe.statuses.iter().find(|(name, _)| *name == subject.name);
                let status = status.expect("the subject is probed").1;
                sent += subject.client.run(probe, status, plan.slice).latencies.len() as u64;
            }
            if sent >= plan.soak * tenth / 10 {
                break;
            }
        }
        points.push((sent, subject.memory()));
        println!("{sent} of {} requests, {} bytes", plan.soak, subject.memory());
    }
    subject.assert_sound();
    points
}

/// Bytes for each request, by least squares over the second half, when all that is kept has been touched.
pub(crate) fn slope(points: &[(u64, u64)]) -> f64 {
    let half = &points[points.len() / 2..];
    let mean = |of: fn(&(u64, u64)) -> u64| {
        half.iter().map(|point| of(point) as f64).sum::<f64>() / half.len() as f64
    };
    let (sent, memory) = (mean(|point| point.0), mean(|point| point.1));
    let (mut above, mut below) = (0.0, 0.0);
    for point in half {
        above += (point.0 as f64 - sent) * (point.1 as f64 - memory);
        below += (point.0 as f64 - sent).powi(2);
    }
    above / below
}

fn visit(subject: &Subject, probe: &Probe, status: u16, plan: &Plan, series: Option<&mut Vec<Series>>) {
    let before = subject.cpu();
    let outcome = subject.client.run(probe, status, plan.slice);
    let cpu = subject.cpu() - before;
    let Some(series) = series else { return };
    let known = series.iter().position(|each| each.subject == subject.name && each.probe == probe.name);
    let at = known.unwrap_or_else(|| {
        series.push(Series { subject: subject.name, probe: probe.name.clone(), ..Series::default() });
        series.len() - 1
    });
    let requests = outcome.latencies.len() as f64;
    series[at].cpu.push(cpu.as_secs_f64() * 1e6 / requests);
    series[at].rate.push(requests / outcome.took.as_secs_f64());
    series[at].latencies.extend(outcome.latencies);
}

fn position(subjects: &[Subject], name: &str) -> usize {
    let found = subjects.iter().position(|subject| subject.name == name);
    found.unwrap_or_else(|| panic!("no subject is named {name}"))
}

fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}
