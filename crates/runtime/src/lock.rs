//! A mutex without poisoning.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A mutex that ignores poisoning: it can still be locked after a thread panicked while it held the
/// lock.
///
/// Use it for state that stays usable after a panic. The panic of one task then does not spread to
/// the other tasks that share the state.
#[derive(Debug, Default)]
pub struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    /// Returns an unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Waits until no other thread holds the lock, and holds it until the guard is dropped.
    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the value without a lock: nothing else can use it while it is borrowed mutably.
    pub fn get_mut(&mut self) -> &mut T {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds the lock until the guard is dropped; `None` if it is held already.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
