//! Errors whose text is one sentence.

/// Makes a type an error with the text of a format string:
/// `sentence!(Late(it) => "{} s late", it.0)`.
macro_rules! sentence {
    ($type:ident $(($it:ident))? => $($text:tt)+) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                $(let $it = self;)?
                write!(f, $($text)+)
            }
        }

        impl std::error::Error for $type {}
    };
}
