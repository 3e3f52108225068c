//! The most expensive requests.

use std::fs;

use portcullis_fuzz::genome::LENGTHS;
#[cfg(feature = "profile")]
use portcullis_fuzz::hostile::judge;
use portcullis_fuzz::request::Request;

use crate::Search;

/// One of each shape, the worst first, and what it spends its time on.
pub(crate) fn print(search: &mut Search, paranoia: u8) {
    println!("\nParanoia level {paranoia}, {} bytes:", search.bytes);
    let mut shapes = Vec::new();
    let mut worst = Vec::new();
    for found in &search.best {
        if !shapes.contains(&found.genome.shape) && shapes.len() < 14 {
            shapes.push(found.genome.shape);
            worst.push(found.genome.clone());
        }
    }
    let mut measured: Vec<_> =
        worst.into_iter().map(|genome| (search.cost(&genome.request(search.bytes), 12), genome)).collect();
    measured.sort_by_key(|(nanoseconds, _)| std::cmp::Reverse(*nanoseconds));
    let folder = suites::root().join("target/hostile");
    fs::create_dir_all(&folder).expect("the target directory is writable");
    for (_, genome) in measured {
        let request = genome.request(search.bytes);
        let show = |text: &[u8]| text.get(..60).unwrap_or(text).escape_ascii().to_string();
        let what = format!(
            "{:?}: {:?} + {:?} x {} + {:?}, number {:?}, {} long{}",
            genome.shape,
            show(&genome.prefix),
            show(&genome.unit),
            genome.repeat,
            show(&genome.suffix),
            genome.number,
            LENGTHS[genome.long],
            match genome.encoded {
                0 => String::new(),
                times => format!(", encoded {times} times"),
            },
        );
        fs::write(folder.join(format!("{paranoia}-{:?}.http", genome.shape)), request.to_bytes())
            .expect("the target directory is writable");
        costs(search, &what, &request);
    }
}

/// What a request costs, and of that the rules, of which the engine keeps count with the feature `profile`.
pub(crate) fn costs(search: &mut Search, what: &str, request: &Request) {
    let nanoseconds = search.cost(request, 12);
    println!("{:8.2} ms  {what}", nanoseconds as f64 / 1e6);
    costs_of_rules(search, request);
}

#[cfg(feature = "profile")]
fn costs_of_rules(search: &Search, request: &Request) {
    use portcullis_engine::profile;
    profile::start();
    drop(judge(&search.waf, request, portcullis_engine::Scratch::new()));
    let mut costs = profile::stop();
    costs.sort_by_key(|cost| std::cmp::Reverse(cost.time));
    for cost in costs.iter().take(16) {
        println!(
            "             {:8.3} ms in {:6} calls: {}",
            cost.time.as_secs_f64() * 1e3,
            cost.calls,
            cost.what
        );
    }
}

#[cfg(not(feature = "profile"))]
fn costs_of_rules(_: &Search, _: &Request) {}
