//! Tasks without a stream.

use std::task::Waker;

use super::Task;
use crate::{CalloutId, CalloutResponse, GrpcEvent, GrpcStreamId, Host, QueueId, TimerId};

/// The tasks that belong to no stream: those of [`Setup::spawn`](crate::Setup::spawn).
#[derive(Clone, Debug, Default)]
pub struct Background(Vec<Task>);

impl Background {
    pub(crate) fn push(&mut self, task: Task) {
        self.0.push(task);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Lets each go on as far as it can.
    pub fn poll(&self, waker: &Waker, host: &mut dyn Host) {
        for task in &self.0 {
            // What it ends with matters to nobody.
            let _ = task.poll(waker, host);
        }
    }

    /// A callout of theirs was answered.
    pub fn callout_response(
        &self,
        id: CalloutId,
        response: CalloutResponse,
        waker: &Waker,
        host: &mut dyn Host,
    ) {
        if let Some(task) = self.0.iter().find(|task| task.made_callout(id)) {
            task.answer(id, response);
            let _ = task.poll(waker, host);
        }
    }

    /// Something has come on a gRPC stream of theirs.
    pub fn grpc_event(&self, stream: GrpcStreamId, event: GrpcEvent, waker: &Waker, host: &mut dyn Host) {
        let mut event = Some(event);
        for task in &self.0 {
            if task.grpc_event(stream, &mut event, host) {
                let _ = task.poll(waker, host);
                return;
            }
        }
    }

    /// A timer of theirs has ended.
    pub fn woken(&self, timer: TimerId, waker: &Waker, host: &mut dyn Host) {
        if let Some(task) = self.0.iter().find(|task| task.wake(timer)) {
            let _ = task.poll(waker, host);
        }
    }

    /// Something has come into a queue.
    pub fn queue_ready(&self, queue: QueueId, waker: &Waker, host: &mut dyn Host) {
        self.0.iter().for_each(|task| task.queue_ready(queue));
        self.poll(waker, host);
    }
}
