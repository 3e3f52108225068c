//! Child processes that end with us, however we end.
//!
//! A test process can be killed, and Envoys shared in a `static` are never dropped. One shell process therefore keeps the ids
//! of what is running; when its standard input closes, because we are gone, it kills what is left. (The alternatives,
//! `atexit` and `PR_SET_PDEATHSIG`, need unsafe code, and the latter follows the thread that started the child.)

use std::io::Write;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

/// A running child. Killed and waited for on drop.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts the command.
    ///
    /// # Errors
    /// If it can't be started.
    pub fn start(command: &mut Command) -> std::io::Result<Self> {
        let child = command.stdin(Stdio::null()).spawn()?;
        tell('+', child.id());
        Ok(Self { child })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be waited for")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        tell('-', self.child.id());
    }
}

/// Reads `+ pid` and `- pid`; the signals of a Ctrl-C must not end it before its work is done.
const REAPER: &str = r#"
trap '' INT TERM HUP
running=' '
while read -r change pid; do
    case $change in
        +) running="$running$pid " ;;
        -) running="${running%% $pid *} ${running#* $pid }" ;;
    esac
done
[ "$running" = ' ' ] || kill -9 $running 2>/dev/null
"#;

static RUNNING_REAPER: LazyLock<Mutex<Child>> = LazyLock::new(|| {
    let mut reaper = Command::new("sh");
    reaper.args(["-c", REAPER]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Mutex::new(reaper.spawn().expect("a POSIX shell is there"))
});

fn tell(change: char, pid: u32) {
    let mut reaper = RUNNING_REAPER.lock().unwrap_or_else(PoisonError::into_inner);
    // A reaper that was killed by hand costs cleanliness only.
    let _ = reaper.stdin.as_mut().map(|input| writeln!(input, "{change} {pid}"));
}

#[cfg(test)]
mod tests;
