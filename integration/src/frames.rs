use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc;

/// What writes a body, frame by frame. The body ends when it is dropped, and breaks off with an error.
pub(crate) type Sender<E> = mpsc::Sender<Result<Frame<Bytes>, E>>;

/// A body that a task writes.
///
/// Not `http_body_util`'s `Channel`: it asks for a frame, and then whether the sender is gone. A frame that is sent between the two, by a
/// sender that goes with it, is lost, and the body ends before its `content-length`.
#[derive(Debug)]
pub(crate) struct Frames<E>(mpsc::Receiver<Result<Frame<Bytes>, E>>);

impl<E> Frames<E> {
    pub(crate) fn new() -> (Sender<E>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(receiver))
    }
}

impl<E> Body for Frames<E> {
    type Data = Bytes;
    type Error = E;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, E>>> {
        self.0.poll_recv(context)
    }
}
