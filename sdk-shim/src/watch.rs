use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// A value that one task sets and others wait for: what a task of [`Setup::spawn`](crate::Setup::spawn) fetches at load,
/// and requests need. Clones share the value.
///
/// ```
/// use sdk_shim::Watch;
///
/// let keys = Watch::<Vec<u8>>::default();
/// assert!(keys.get().is_none());
/// keys.set(b"k".to_vec());
/// assert_eq!(*keys.get().unwrap(), b"k");
/// ```
pub struct Watch<T>(Rc<RefCell<State<T>>>);

struct State<T> {
    value: Option<Rc<T>>,
    /// Who waits, each with a number of its own, so that one that gives up is forgotten.
    waiting: Vec<(u64, Waker)>,
    next: u64,
}

impl<T> Watch<T> {
    /// Sets the value. All that wait go on with it.
    pub fn set(&self, value: T) {
        // The old value goes when the borrow is over: what it drops may look at this.
        let (_old, waiting) = {
            let mut state = self.0.borrow_mut();
            (state.value.replace(Rc::new(value)), std::mem::take(&mut state.waiting))
        };
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// The value, if it has been set.
    pub fn get(&self) -> Option<Rc<T>> {
        self.0.borrow().value.clone()
    }

    /// Waits until there is a value. Put a limit to it with [`Handle::timeout`](crate::Handle::timeout), unless whoever
    /// sets it is sure to.
    pub fn wait(&self) -> impl Future<Output = Rc<T>> + use<T> {
        Wait { watch: self.clone(), number: None }
    }
}

impl<T> Clone for Watch<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Default for Watch<T> {
    fn default() -> Self {
        Self(Rc::new(RefCell::new(State { value: None, waiting: Vec::new(), next: 0 })))
    }
}

impl<T: fmt::Debug> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.get()).finish()
    }
}

struct Wait<T> {
    watch: Watch<T>,
    number: Option<u64>,
}

impl<T> Wait<T> {
    fn forget(&mut self) {
        if let Some(number) = self.number.take() {
            self.watch.0.borrow_mut().waiting.retain(|(waiting, _)| *waiting != number);
        }
    }
}

impl<T> Future for Wait<T> {
    type Output = Rc<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Rc<T>> {
        self.forget();
        if let Some(value) = self.watch.get() {
            return Poll::Ready(value);
        }
        let number = {
            let mut state = self.watch.0.borrow_mut();
            let number = state.next;
            state.next = number.wrapping_add(1);
            state.waiting.push((number, context.waker().clone()));
            number
        };
        self.number = Some(number);
        Poll::Pending
    }
}

impl<T> Drop for Wait<T> {
    fn drop(&mut self) {
        self.forget();
    }
}
