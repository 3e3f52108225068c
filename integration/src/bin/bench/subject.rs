//! A running Envoy that is measured, beside others.

use super::load::Client;
use super::measure::Plan;
use integration::prelude::*;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// An Envoy, and what its start took.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) client: Client,
    pub(crate) started_in: Duration,
    pub(crate) start_cpu: Duration,
    envoy: Envoy,
}

impl Subject {
    /// Starts one with these filters in front of the upstream.
    pub(crate) fn start(name: &'static str, filters: Vec<Value>, origin: SocketAddr, plan: &Plan) -> Self {
        let listener = filters.into_iter().fold(Listener::new("main"), Listener::filter).route_to("origin");
        let config = Config::new()
            .concurrency(plan.workers)
            .without_access_log()
            .cluster(Cluster::new("origin", [origin]).http1());
        let start = Instant::now();
        let envoy = config.listener(listener).start();
        let started_in = start.elapsed();
        let start_cpu = whole_cpu(envoy.id());
        Self {
            name,
            client: Client::connect(envoy.address("main"), plan.connections),
            started_in,
            start_cpu,
            envoy,
        }
    }

    /// CPU time so far of all its threads that run, to the nanosecond: `/proc/<pid>/stat` has only hundredths of a second.
    pub(crate) fn cpu(&self) -> Duration {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.envoy.id())).expect("Envoy runs");
        let times = tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok());
        let nanoseconds = times.filter_map(|line| line.split(' ').next()?.parse::<u64>().ok());
        Duration::from_nanos(nanoseconds.sum())
    }

    /// Resident memory, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.envoy.resident_memory()
    }

    /// # Panics
    /// If its VM has failed, or it opened connections anew all the time, which would cost more than any filter.
    pub(crate) fn assert_sound(&self) {
        self.envoy.assert_no_vm_failure();
        let stat = |name| self.envoy.admin().stat(&format!("cluster.origin.{name}"));
        let (connections, requests) = (stat("upstream_cx_total"), stat("upstream_rq_total"));
        assert!(connections <= 50 + requests / 50, "{connections} connections for {requests} requests");
    }
}

/// User and system time of a process, ended threads included (proc(5), `stat`, fields 14 and 15, in hundredths of a second).
fn whole_cpu(process: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("Envoy runs");
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks = after_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>() * 10)
}
