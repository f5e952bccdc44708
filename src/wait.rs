//! Waits that the caller can end.

use eyre::Result;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Sleeps until `end`. `tick` is called some ten times a second; its error ends the sleep.
pub fn sleep_until(end: Instant, tick: &mut dyn FnMut() -> Result<()>) -> Result<()> {
    const POLL_INTERVAL: Duration = Duration::from_millis(100);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        tick()?;
        sleep(POLL_INTERVAL.min(left));
    }
}
