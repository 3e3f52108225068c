use super::*;
use crate::runtime::poll;
use std::time::Duration;

#[test]
fn the_reaper_kills_what_is_still_listed_and_nothing_else() {
    let sleep = || Command::new("sleep").arg("60").spawn().unwrap();
    let (mut listed, mut unlisted, mut never) = (sleep(), sleep(), sleep());
    let mut reaper = Command::new("sh").args(["-c", REAPER]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = reaper.stdin.take().unwrap();
    for (change, child) in [('+', &unlisted), ('+', &listed), ('-', &unlisted)] {
        writeln!(input, "{change} {}", child.id()).unwrap();
    }
    assert!(poll(Duration::from_millis(200), || listed.try_wait().unwrap()).is_none(), "killed too early");

    drop(input);
    reaper.wait().unwrap();
    let status =
        poll(Duration::from_secs(10), || listed.try_wait().unwrap()).expect("the listed one is killed");
    assert!(!status.success());
    for survivor in [&mut unlisted, &mut never] {
        assert!(survivor.try_wait().unwrap().is_none(), "killed one that was not listed");
        survivor.kill().unwrap();
        survivor.wait().unwrap();
    }
}

#[test]
fn a_process_is_killed_on_drop() {
    let process = Process::start(Command::new("sleep").arg("60")).unwrap();
    let entry = format!("/proc/{}", process.id());
    assert!(std::path::Path::new(&entry).exists());
    drop(process);
    assert!(!std::path::Path::new(&entry).exists());
}
