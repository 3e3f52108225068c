//! What is known, or gathered, for many requests.

use super::*;

#[test]
fn what_a_beat_knows_is_asked_once() {
    let vm = started::<Scripted>("{}");
    let root = vm.root(1).unwrap();
    let asked = |times: usize| {
        (0..times).for_each(|_| assert_eq!(root.core.log_level(), 0));
        (0..times).for_each(|_| assert_eq!(root.core.coarse_now().subsec_millis() % 100, 0));
        (
            fake::calls("proxy_get_log_level").len(),
            fake::calls("proxy_get_current_time_nanoseconds").len(),
            fake::calls("proxy_set_tick_period_milliseconds"),
        )
    };
    assert_eq!(asked(100), (1, 1, vec!["100".to_owned()]));
    fake::set_now(50_000_000);
    assert_eq!(asked(100), (0, 0, vec![]));
    fake::set_now(100_000_000);
    vm.tick(1);
    assert_eq!(fake::calls("proxy_set_tick_period_milliseconds"), ["0"], "nothing ticks while nobody asks");
    assert_eq!(fake::calls("proxy_get_current_time_nanoseconds").len(), 1);
    assert_eq!(asked(100), (1, 1, vec!["100".to_owned()]));
}

#[test]
fn counts_are_gathered_and_none_is_lost() {
    let vm = started::<Scripted>("{}");
    let root = vm.root(1).unwrap();
    let metrics = Rc::clone(&root.running.borrow().as_ref().unwrap().metrics);
    let count = |times: u32| (0..times).for_each(|_| root.core.count(&metrics, Counter(0), 2));
    let told = || fake::calls("proxy_increment_metric");
    count(100);
    assert!(told().is_empty());
    fake::set_now(100_000_000);
    vm.tick(1);
    assert_eq!(told(), ["1 200"]);
    fake::set_now(200_000_000);
    vm.tick(1);
    assert!(told().is_empty(), "nothing was counted");

    // Of a configuration that was replaced, and of one that goes.
    count(1);
    assert!(vm.configure(1));
    let newer = Rc::clone(&root.running.borrow().as_ref().unwrap().metrics);
    root.core.count(&newer, Counter(0), 3);
    vm.delete(1);
    assert_eq!(told(), ["1 2", "2 3"]);
}

#[test]
fn without_timers_each_count_is_told() {
    let vm = started::<Scripted>("{}");
    let root = vm.root(1).unwrap();
    let metrics = Rc::clone(&root.running.borrow().as_ref().unwrap().metrics);
    fake::answer("proxy_set_tick_period_milliseconds", 12);
    for _ in 0..2 {
        root.core.count(&metrics, Counter(0), 1);
        assert_eq!(fake::calls("proxy_increment_metric"), ["1 1"]);
    }
}

#[test]
fn random_bytes_are_given_out_once() {
    with_host(|host| {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let mut bytes = [0; 24];
            host.random(&mut bytes).unwrap();
            assert!(seen.insert(bytes));
        }
        assert_eq!(fake::calls("random_get"), ["1024", "1024", "1024"], "42 of 24 bytes each");
        host.random(&mut [0; 2000]).unwrap();
        assert_eq!(fake::calls("random_get"), ["2000"], "what is longer comes from the host");
    });
}
