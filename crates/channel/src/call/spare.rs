//! The memory of calls that have ended, for later calls.

use std::any::Any;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::Response;

use crate::call::body::Body;

/// The most spares of one type of calls that a thread keeps.
const MOST_SPARES: usize = 128;

/// The largest spare that is kept, in bytes. Most have about 1 KiB, beside the body of the request.
const MOST_BYTES: usize = 4 * 1024;

/// The most types of calls of which a thread keeps spares. A program has one type for each type of
/// request body, and most have one. So a thread keeps no more than 2 MiB.
const MOST_TYPES: usize = 4;

type Answer = Result<Response<Body>, Infallible>;

/// The place of a call's future: empty in a spare.
type Place<F> = Pin<Box<Option<F>>>;

thread_local! {
    /// A list for each type of calls.
    static SPARES: RefCell<Vec<Box<dyn SpareList>>> = const { RefCell::new(Vec::new()) };
}

/// A `Vec<Place<F>>`: the spares of one type `F` of calls.
trait SpareList: Any {
    fn is_unused(&self) -> bool;
}

impl<F: 'static> SpareList for Vec<Place<F>> {
    fn is_unused(&self) -> bool {
        self.is_empty()
    }
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
        let mut place = take_spare().unwrap_or_else(|| Box::pin(None));
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
        if size_of::<Self>() <= MOST_BYTES {
            keep_spare(self);
        }
    }
}

/// Takes a spare of the current thread, if it has one of this type.
fn take_spare<F: 'static>() -> Option<Place<F>> {
    with_lists(|lists| lists.iter_mut().find_map(spares)?.pop())
}

/// Keeps a spare on the current thread, unless it has enough of this type, or spares of too many other
/// types. A type without spares gives its list to another one.
fn keep_spare<F: 'static>(spare: Place<F>) {
    with_lists(|lists| {
        let found = lists.iter_mut().find_map(spares);
        if let Some(spares) = found {
            if spares.len() < MOST_SPARES {
                spares.push(spare);
            }
        } else if lists.len() < MOST_TYPES {
            lists.push(Box::new(vec![spare]));
        } else if let Some(unused) = lists.iter_mut().find(|list| list.is_unused()) {
            *unused = Box::new(vec![spare]);
        }
        Some(())
    });
}

/// Calls `work` with the lists of the current thread. `None` also at the end of the thread.
fn with_lists<R>(work: impl FnOnce(&mut Vec<Box<dyn SpareList>>) -> Option<R>) -> Option<R> {
    let with = |all: &RefCell<Vec<Box<dyn SpareList>>>| work(&mut *all.try_borrow_mut().ok()?);
    SPARES.try_with(with).ok().flatten()
}

/// Returns the spares in a list; `None` if they are of another type.
fn spares<F: 'static>(list: &mut Box<dyn SpareList>) -> Option<&mut Vec<Place<F>>> {
    let list: &mut dyn Any = &mut **list;
    list.downcast_mut()
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

    /// Returns how many spares the thread has for calls of this type.
    fn count<F: 'static>(_: &impl FnOnce() -> F) -> usize {
        let count = with_lists(|lists| {
            let spares: &mut Vec<Place<F>> = lists.iter_mut().find_map(spares)?;
            Some(spares.len())
        });
        count.unwrap_or_default()
    }

    /// A call uses the memory of one that has ended on the same thread, with an answer or without.
    #[test]
    fn memory_is_used_again() {
        let answered = || async { Ok(Response::new(Body::empty())) };
        let unanswered = || async { pending::<Answer>().await };
        let (mut one, mut two) = (CallInPlace::new(answered), CallInPlace::new(answered));
        assert!(poll(&mut one) && poll(&mut two));
        drop((one, two));
        assert_eq!(count(&answered), 2);
        let mut three = CallInPlace::new(answered);
        assert_eq!(count(&answered), 1);
        assert!(poll(&mut three));
        let mut four = CallInPlace::new(unanswered);
        assert!(!poll(&mut four));
        drop(four);
        assert_eq!((count(&answered), count(&unanswered)), (1, 1));
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

    /// A request that makes a call while it is dropped, as one with a guard may do. The memory of that call
    /// is kept.
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
        let outer = || async move {
            let _guard = guard;
            Ok(Response::new(Body::empty()))
        };
        let inner = || ready::<Answer>(Ok(Response::new(Body::empty())));
        assert_eq!(count(&inner), 0);
        drop(CallInPlace::new(outer));
        assert_eq!(count(&inner), 1);
    }

    /// What a thread keeps is bounded: the spares of a type, and the types.
    #[test]
    fn spares_are_bounded() {
        let call = || async { Ok(Response::new(Body::empty())) };
        let calls: Vec<_> = (0..MOST_SPARES + 10)
            .map(|_| CallInPlace::new(call))
            .collect();
        drop(calls);
        assert_eq!(count(&call), MOST_SPARES);
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

    /// A type of calls without spares does not keep others from having some.
    #[test]
    fn a_list_without_spares_is_replaced() {
        let first = || async { pending::<Answer>().await };
        let late = || ready::<Answer>(Ok(Response::new(Body::empty())));
        drop(CallInPlace::new(first));
        drop(CallInPlace::new(|| async { pending::<Answer>().await }));
        drop(CallInPlace::new(|| async { pending::<Answer>().await }));
        drop(CallInPlace::new(|| async { pending::<Answer>().await }));
        drop(CallInPlace::new(late));
        assert_eq!((count(&first), count(&late)), (1, 0));
        let begun = CallInPlace::new(first);
        drop(CallInPlace::new(late));
        assert_eq!((count(&first), count(&late)), (0, 1));
        drop(begun);
        assert_eq!((count(&first), count(&late)), (0, 1));
    }

    /// The memory of a call with a large request body is not kept.
    #[test]
    fn a_large_spare_is_not_kept() {
        let large = || async {
            let body = [1_u8; MOST_BYTES];
            pending::<()>().await;
            assert_eq!(body[0], 1);
            Ok(Response::new(Body::empty()))
        };
        drop(CallInPlace::new(large));
        assert_eq!(count(&large), 0);
    }
}
