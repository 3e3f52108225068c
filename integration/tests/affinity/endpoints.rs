//! Endpoints that come, go, drain and fail (EDS from a file), while clients that keep their cookies go on: no session
//! moves that should not, none stays that should move. After ingress-nginx's end-to-end tests of `affinity`
//! (`affinitymode.go`, balanced and persistent) and GEP-1619.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

/// Clients of each scenario, unless `PORTCULLIS_CLIENTS` says otherwise: 1,000 take a minute.
const CLIENTS: usize = 300;
/// How many send at once.
const AT_ONCE: usize = 50;

/// A name, and what is to hold.
type Scenario = (&'static str, fn(&mut Fleet));

#[test]
fn sessions_follow_the_endpoints() {
    let scenarios: [Scenario; 12] = [
        ("persistent: ten scale-ups move no session", persistent_scale_up),
        ("persistent: a scale-down moves the sessions of what is gone", persistent_scale_down),
        ("persistent: none left is 503, and what comes back is assigned anew", persistent_none_left),
        ("balanced: a scale-up moves (n-c)/n of the sessions, to the new endpoints", balanced_scale_up),
        ("balanced: a scale-down moves the sessions of what is gone", balanced_scale_down),
        ("balanced with a ring: most sessions stay", balanced_ring),
        ("a draining endpoint keeps its sessions and gets no new ones", draining),
        ("an unhealthy endpoint loses its sessions, and they stay away", unhealthy),
        ("strict: 503 for the sessions of an unhealthy endpoint, until it is back", strict),
        ("strict with change_on_failure: 503 once, then a new session", strict_once),
        ("a new endpoint with an old address does not inherit the session", replaced),
        ("a rollout that replaces one endpoint after the other moves each session at most as often", rollout),
    ];
    let mut fleet = Fleet::start();
    let mut failed = 0;
    for (name, scenario) in scenarios {
        let passed = catch_unwind(AssertUnwindSafe(|| scenario(&mut fleet))).is_ok();
        println!("{} {name}", if passed { "ok    " } else { "FAILED" });
        failed += usize::from(!passed);
    }
    println!("affinity endpoints: {} passed, {failed} failed, 0 skipped", scenarios.len() - failed);
    assert_eq!(failed, 0);
    fleet.envoy.assert_no_vm_failure();
}

fn persistent_scale_up(fleet: &mut Fleet) {
    fleet.deploy(&[Healthy(0)]);
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    for last in 1..=10 {
        fleet.deploy(&(0..=last).map(Healthy).collect::<Vec<_>>());
        for step in crowd.visit() {
            assert_eq!((step.status, step.now.as_deref(), step.set), (200, Some("e0"), false), "at {last}");
        }
    }
}

fn persistent_scale_down(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2, 3, 4].map(Healthy));
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    assert_eq!(crowd.spread().len(), 5);
    for left in [4, 3, 2, 1] {
        fleet.deploy(&(0..left).map(Healthy).collect::<Vec<_>>());
        let gone = format!("e{left}");
        for step in crowd.visit() {
            let moves = step.before.as_deref() == Some(gone.as_str());
            assert_eq!((step.status, step.before != step.now, step.set), (200, moves, moves), "{step:?}");
        }
    }
}

fn persistent_none_left(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1].map(Healthy));
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    fleet.deploy(&[]);
    for step in crowd.visit() {
        assert_eq!((step.status, step.set), (503, false));
    }
    fleet.deploy(&[2, 3].map(Healthy));
    for step in crowd.visit() {
        assert!(step.status == 200 && step.set, "{step:?}");
        assert!(matches!(step.now.as_deref(), Some("e2" | "e3")), "{step:?}");
    }
    crowd.assert_settled();
}

fn balanced_scale_up(fleet: &mut Fleet) {
    for (from, to) in [(3, 4), (2, 4), (4, 5)] {
        let (share, between_old) = scale_up(fleet, "maglev", from, to);
        let expected = (to - from) as f64 / to as f64;
        assert!((share - expected).abs() < 0.1, "from {from} to {to}: {share} moved, not {expected}");
        // Maglev's table disrupts a little more than it must (Maglev, NSDI 2016, 5.3).
        assert!(between_old < 0.05, "from {from} to {to}: {between_old} moved between old endpoints");
    }
}

fn balanced_scale_down(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2, 3].map(Healthy));
    let mut crowd = fleet.crowd("maglev");
    crowd.visit();
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut others = 0;
    for step in crowd.visit() {
        assert_eq!((step.status, step.set), (200, false), "the key stays: {step:?}");
        others += usize::from(step.before.as_deref() != Some("e3") && step.before != step.now);
    }
    assert!(others < crowd.members.len() / 20, "{others} moved without need");
}

fn balanced_ring(fleet: &mut Fleet) {
    let (share, _) = scale_up(fleet, "ring", 3, 4);
    // Envoy's ring has one size for however many endpoints, so old ones lose places to each other, too.
    assert!((0.2..0.5).contains(&share), "{share} moved");
}

/// The share of sessions that move, and of those that move to an endpoint that was there before.
fn scale_up(fleet: &Fleet, listener: &str, from: usize, to: usize) -> (f64, f64) {
    fleet.deploy(&(0..from).map(Healthy).collect::<Vec<_>>());
    let mut crowd = fleet.crowd(listener);
    crowd.visit();
    crowd.assert_settled();
    fleet.deploy(&(0..to).map(Healthy).collect::<Vec<_>>());
    let steps = crowd.visit();
    assert!(steps.iter().all(|step| step.status == 200 && !step.set), "the key stays");
    let moved: Vec<_> = steps.iter().filter(|step| step.before != step.now).collect();
    let new: Vec<_> = (from..to).map(|index| format!("e{index}")).collect();
    let between_old = moved.iter().filter(|step| step.now.as_ref().is_some_and(|now| !new.contains(now)));
    let share = |count: usize| count as f64 / steps.len() as f64;
    let (share, between_old) = (share(moved.len()), share(between_old.count()));
    println!("       {listener}, {from} to {to}: {share:.3} moved, {between_old:.3} between old endpoints");
    (share, between_old)
}

fn draining(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    assert_eq!(crowd.spread().len(), 3);
    fleet.deploy(&[Draining(0), Healthy(1), Healthy(2)]);
    crowd.assert_settled();
    let mut late = fleet.crowd("persistent");
    late.visit();
    let spread = late.spread();
    assert!(spread.len() == 2 && !spread.contains_key("e0"), "{spread:?}");
    // Then it goes.
    fleet.deploy(&[1, 2].map(Healthy));
    for step in crowd.visit() {
        let moves = step.before.as_deref() == Some("e0");
        assert_eq!((step.status, step.before != step.now, step.set), (200, moves, moves), "{step:?}");
    }
}

fn unhealthy(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    fleet.deploy(&[Unhealthy(0), Healthy(1), Healthy(2)]);
    for step in crowd.visit() {
        let moves = step.before.as_deref() == Some("e0");
        assert_eq!((step.status, step.before != step.now, step.set), (200, moves, moves), "{step:?}");
    }
    fleet.deploy(&[0, 1, 2].map(Healthy));
    crowd.assert_settled();
}

fn strict(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut crowd = fleet.crowd("strict");
    crowd.visit();
    fleet.deploy(&[Unhealthy(0), Healthy(1), Healthy(2)]);
    for _ in 0..2 {
        for step in crowd.visit() {
            let waits = step.before.as_deref() == Some("e0");
            assert_eq!((step.status, step.set), (if waits { 503 } else { 200 }, false), "{step:?}");
        }
    }
    fleet.deploy(&[0, 1, 2].map(Healthy));
    crowd.assert_settled();
}

fn strict_once(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut crowd = fleet.crowd("strict-once");
    crowd.visit();
    fleet.deploy(&[1, 2].map(Healthy));
    for step in crowd.visit() {
        let ends = step.before.as_deref() == Some("e0");
        assert_eq!((step.status, step.set), (if ends { 503 } else { 200 }, ends), "{step:?}");
    }
    for step in crowd.visit() {
        let ended = step.before.as_deref() == Some("e0");
        assert_eq!((step.status, step.set), (200, ended), "{step:?}");
    }
    crowd.assert_settled();
}

fn replaced(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1].map(Healthy));
    let mut crowd = fleet.crowd("identity");
    crowd.visit();
    crowd.assert_settled();
    fleet.deploy(&[Another(0), Healthy(1)]);
    for step in crowd.visit() {
        assert_eq!(step.set, step.before.as_deref() == Some("e0"), "{step:?}");
    }
    crowd.assert_settled();
    let counted = fleet.envoy.admin().stat("wasmcustom.affinity_sessions_total;outcome=replaced");
    assert!(counted > 0, "it is counted");
}

fn rollout(fleet: &mut Fleet) {
    fleet.deploy(&[0, 1, 2].map(Healthy));
    let mut crowd = fleet.crowd("persistent");
    crowd.visit();
    // One more first, then one old draining, then gone.
    for (old, new) in [(0, 3), (1, 4), (2, 5)] {
        let others: Vec<_> = (old + 1..new).map(Healthy).collect();
        fleet.deploy(&[&[Healthy(old)], &others[..], &[Healthy(new)]].concat());
        crowd.assert_settled();
        fleet.deploy(&[&[Draining(old)], &others[..], &[Healthy(new)]].concat());
        crowd.assert_settled();
        fleet.deploy(&[&others[..], &[Healthy(new)]].concat());
        let gone = format!("e{old}");
        for step in crowd.visit() {
            let moves = step.before.as_deref() == Some(gone.as_str());
            assert_eq!((step.status, step.before != step.now, step.set), (200, moves, moves), "{step:?}");
        }
    }
}

/// An endpoint, by its number, and how EDS has it.
#[derive(Clone, Copy)]
enum Deployed {
    Healthy(usize),
    Draining(usize),
    Unhealthy(usize),
    /// Another pod that got the address.
    Another(usize),
}
use Deployed::{Another, Draining, Healthy, Unhealthy};

/// Servers, and an Envoy that learns of them from a file.
struct Fleet {
    upstreams: Vec<Upstream>,
    envoy: Envoy,
}

impl Fleet {
    fn start() -> Self {
        let upstreams: Vec<_> = (0..11).map(|index| Upstream::start(&format!("e{index}"))).collect();
        let with = |changes: Value| {
            let mut config = config();
            config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            Wasm::module("affinity").config(config)
        };
        let strict = |name, changes| {
            let state =
                native("stateful_session", "stateful_session.v3.StatefulSession", session_state(true));
            Listener::new(name).filter(with(changes)).filter(state).route(route("app"))
        };
        let hash = |name, cluster| {
            let policy = json!([{"header": {"header_name": HEADER}}]);
            let route =
                json!({"match": {"prefix": "/"}, "route": {"cluster": cluster, "hash_policy": policy}});
            Listener::new(name).filter(with(json!({"mode": "hash"}))).route(route)
        };
        let envoy = Config::new()
            .cluster(discovered("app", "ROUND_ROBIN"))
            .cluster(discovered("ring", "RING_HASH"))
            .cluster(discovered("table", "MAGLEV"))
            .listener(listener("persistent", with(json!({})), "app"))
            .listener(strict("strict", json!({})))
            .listener(strict("strict-once", json!({"change_on_failure": true})))
            .listener(listener("identity", with(json!({"identity": {"key": "uid"}})), "app"))
            .listener(hash("ring", "ring"))
            .listener(hash("maglev", "table"))
            .discover(&CLUSTERS, &[])
            .start();
        Self { upstreams, envoy }
    }

    /// Tells Envoy of its endpoints, and waits until it has them.
    fn deploy(&self, endpoints: &[Deployed]) {
        let endpoints: Vec<_> = endpoints.iter().map(|deployed| self.endpoint(deployed)).collect();
        self.envoy.deploy(&CLUSTERS, &endpoints);
    }

    fn endpoint(&self, deployed: &Deployed) -> Value {
        let (index, status, uid) = match *deployed {
            Healthy(index) => (index, "HEALTHY", "old"),
            Draining(index) => (index, "DRAINING", "old"),
            Unhealthy(index) => (index, "UNHEALTHY", "old"),
            Another(index) => (index, "HEALTHY", "new"),
        };
        let mut endpoint = integration::discovery::endpoint(&self.upstreams[index]);
        endpoint["health_status"] = status.into();
        endpoint["metadata"] = json!({"filter_metadata": {"envoy.lb": {"uid": format!("{uid}-{index}")}}});
        endpoint
    }

    fn crowd(&self, listener: &str) -> Crowd {
        let clients = std::env::var("PORTCULLIS_CLIENTS").ok().and_then(|number| number.parse().ok());
        let nobody = Member { cookie: None, at: None };
        let members = vec![nobody; clients.unwrap_or(CLIENTS)];
        Crowd { client: self.envoy.client_of(listener), members }
    }
}

/// Clients that keep their cookie.
struct Crowd {
    client: Client,
    members: Vec<Member>,
}

#[derive(Clone)]
struct Member {
    cookie: Option<String>,
    at: Option<String>,
}

/// What became of a client's request.
#[derive(Debug)]
struct Step {
    status: u16,
    before: Option<String>,
    now: Option<String>,
    /// Whether the response set a cookie.
    set: bool,
}

impl Crowd {
    /// Everybody sends a request.
    fn visit(&mut self) -> Vec<Step> {
        let mut steps = Vec::with_capacity(self.members.len());
        for members in self.members.chunks_mut(AT_ONCE) {
            let requests: Vec<_> = members
                .iter()
                .map(|member| match &member.cookie {
                    Some(cookie) => Request::get("/").header("cookie", cookie),
                    None => Request::get("/"),
                })
                .collect();
            for (member, answer) in members.iter_mut().zip(self.client.send_all(requests)) {
                let answer = answer.unwrap();
                let set = answer.header("set-cookie");
                if let Some(set) = &set {
                    let kept = !set.contains("Max-Age=0");
                    member.cookie = set.split(';').next().filter(|_| kept).map(str::to_owned);
                }
                let (now, set) = (answer.upstream(), set.is_some());
                steps.push(Step { status: answer.status, before: member.at.clone(), now: now.clone(), set });
                member.at = now.or(member.at.take());
            }
        }
        steps
    }

    /// Nobody moves.
    fn assert_settled(&mut self) {
        for step in self.visit() {
            assert!(step.status == 200 && step.before == step.now && !step.set, "{step:?}");
        }
    }

    /// How many are where.
    fn spread(&self) -> BTreeMap<&str, usize> {
        let mut spread = BTreeMap::new();
        for at in self.members.iter().filter_map(|member| member.at.as_deref()) {
            *spread.entry(at).or_insert(0) += 1;
        }
        spread
    }
}

const CLUSTERS: [&str; 3] = ["app", "ring", "table"];

fn discovered(name: &str, policy: &str) -> Cluster {
    let statuses = json!(["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"]);
    Cluster::new(name, std::iter::empty::<SocketAddr>()).with("lb_policy", policy).with(
        "common_lb_config",
        // Without panic mode: most endpoints of a few are often ill here.
        json!({"override_host_status": {"statuses": statuses}, "healthy_panic_threshold": {"value": 0}}),
    )
}
