//! Random bytes of the host, asked for in advance.

use super::host;
use crate::HostError;
use std::cell::RefCell;

/// Random bytes that nobody has had. A call of the host costs as much for all of them as for the few that most ask for.
#[derive(Default)]
pub(super) struct Pool {
    rest: RefCell<Vec<u8>>,
}

const POOL_BYTES: usize = 1024;

impl Pool {
    pub(super) fn fill(&self, buffer: &mut [u8]) -> Result<(), HostError> {
        let Ok(mut rest) = self.rest.try_borrow_mut() else { return host::random(buffer) };
        if buffer.len() > POOL_BYTES {
            return host::random(buffer);
        }
        if rest.len() < buffer.len() {
            let mut bytes = vec![0; POOL_BYTES];
            host::random(&mut bytes)?;
            *rest = bytes;
        }
        let at = rest.len() - buffer.len();
        if let Some(taken) = rest.get_mut(at..) {
            buffer.copy_from_slice(taken);
            // Nobody is to find there what is a secret now.
            taken.fill(0);
        }
        rest.truncate(at);
        Ok(())
    }
}
