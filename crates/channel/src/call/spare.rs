//! The memory of calls that have ended, for later calls.

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::call::body::Body;

/// The most spares that a thread keeps, each of about 1 KiB.
const MOST_SPARES: usize = 128;

/// The most types of calls of which a thread keeps spares. A program has one type for each type of
/// request body, and most have one.
const MOST_TYPES: usize = 4;

type Answer = Result<Response<Body>, Infallible>;

/// The place of a call's future: empty in a spare.
type Place<F> = Pin<Box<Option<F>>>;

thread_local! {
    /// A `Vec<Place<F>>` for each type `F` of calls.
    static SPARES: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// The future of a call, in memory that calls of the same type use one after the other.
///
/// Each thread has its own spares, so a call takes no lock for one, and no atomic operation. A call
/// that ends on another thread than it began on leaves its memory there.
pub(crate) struct CallInPlace {
    /// `None` only while it is dropped.
    call: Option<Pin<Box<dyn Reusable>>>,
}

impl CallInPlace {
    /// Puts a call into its place.
    ///
    /// `call` returns its future. A future that is passed on would be moved once more, and it has
    /// nearly 1 KiB.
    pub(crate) fn new<F>(call: impl FnOnce() -> F) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let mut place = with_spares(Vec::pop)
            .flatten()
            .unwrap_or_else(|| Box::pin(None));
        place.set(Some(call()));
        Self { call: Some(place) }
    }

    /// Polls the call.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Answer> {
        match &mut self.call {
            Some(call) => call.as_mut().poll_call(cx),
            None => Poll::Pending,
        }
    }
}

impl Drop for CallInPlace {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            call.give_back();
        }
    }
}

/// A place whose type of call is not known.
trait Reusable: Send {
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer>;

    /// Drops the call, and keeps its place for another one.
    fn give_back(self: Pin<Box<Self>>);
}

impl<F> Reusable for Option<F>
where
    F: Future<Output = Answer> + Send + 'static,
{
    fn poll_call(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        match self.as_pin_mut() {
            Some(call) => call.poll(cx),
            None => Poll::Pending,
        }
    }

    fn give_back(mut self: Pin<Box<Self>>) {
        // First: it drops the application's request, which may make another call.
        self.set(None);
        with_spares(|spares| {
            if spares.len() < MOST_SPARES {
                spares.push(self);
            }
        });
    }
}

/// Calls `work` with the spares of the current thread. `None` at the end of the thread, and when it
/// has spares of too many other types.
fn with_spares<F: 'static, R>(work: impl FnOnce(&mut Vec<Place<F>>) -> R) -> Option<R> {
    let with = |all: &RefCell<Vec<Box<dyn Any>>>| {
        let mut all = all.try_borrow_mut().ok()?;
        let found = all.iter().position(|spares| spares.is::<Vec<Place<F>>>());
        let at = match found {
            Some(at) => at,
            None if all.len() < MOST_TYPES => {
                all.push(Box::new(Vec::<Place<F>>::new()));
                all.len() - 1
            }
            None => return None,
        };
        all[at].downcast_mut().map(work)
    };
    SPARES.try_with(with).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::task::Waker;

    use super::*;

    fn poll(call: &mut CallInPlace) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        call.poll(&mut cx).is_ready()
    }

    fn spares<F: 'static>(_: &impl FnOnce() -> F) -> usize {
        with_spares(|spares: &mut Vec<Place<F>>| spares.len()).expect("spares")
    }

    /// A call uses the memory of one that has ended on the same thread, with an answer or without.
    #[test]
    fn memory_is_used_again() {
        let answered = || async { Ok(Response::new(Body::empty())) };
        let unanswered = || async { pending::<Answer>().await };
        let (mut one, mut two) = (CallInPlace::new(answered), CallInPlace::new(answered));
        assert!(poll(&mut one) && poll(&mut two));
        drop((one, two));
        assert_eq!(spares(&answered), 2);
        let mut three = CallInPlace::new(answered);
        assert_eq!(spares(&answered), 1);
        assert!(poll(&mut three));
        let mut four = CallInPlace::new(unanswered);
        assert!(!poll(&mut four));
        drop(four);
        assert_eq!((spares(&answered), spares(&unanswered)), (1, 1));
    }

    /// The call is dropped at once, also while its place is kept.
    #[test]
    fn a_spare_holds_nothing_of_its_call() {
        let request = Arc::new(());
        let held = Arc::clone(&request);
        let call = CallInPlace::new(|| async move {
            pending::<()>().await;
            drop(held);
            Ok(Response::new(Body::empty()))
        });
        drop(call);
        assert_eq!(Arc::strong_count(&request), 1);
    }

    /// A request that makes a call while it is dropped, as one with a guard may do.
    #[test]
    fn a_call_within_the_end_of_a_call() {
        struct Guard;
        impl Drop for Guard {
            fn drop(&mut self) {
                let mut call = CallInPlace::new(|| ready(Ok(Response::new(Body::empty()))));
                assert!(poll(&mut call));
            }
        }
        let guard = Guard;
        drop(CallInPlace::new(|| async move {
            let _guard = guard;
            Ok(Response::new(Body::empty()))
        }));
    }

    /// What a thread keeps is bounded: the spares of a type, and the types.
    #[test]
    fn spares_are_bounded() {
        let call = || async { Ok(Response::new(Body::empty())) };
        let calls: Vec<_> = (0..MOST_SPARES + 10)
            .map(|_| CallInPlace::new(call))
            .collect();
        drop(calls);
        assert_eq!(spares(&call), MOST_SPARES);
        macro_rules! calls_of_other_types {
            ($($number:literal)*) => {
                $(drop(CallInPlace::new(|| async {
                    let _ = $number;
                    Ok(Response::new(Body::empty()))
                }));)*
            };
        }
        calls_of_other_types!(1 2 3 4 5);
        assert_eq!(SPARES.with(|all| all.borrow().len()), MOST_TYPES);
    }
}
