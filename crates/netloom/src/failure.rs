//! What ends a command early, and the exit code it gives.

use std::fmt;
use std::io::{self, Write as _};
use std::path::Path;

use netloom::sql::QueryError;
use netloom::tables::output::OutputError;
use netloom_packet::SourceError;

use crate::output::is_standard;

/// Why a command could not do what it was asked to.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
    broken_pipe: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Usage,
    Input,
    Permission,
    Interrupted,
}

impl Failure {
    /// The command line makes no sense.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Usage,
            message: message.to_string(),
            hint: None,
            broken_pipe: false,
        }
    }

    /// Data cannot be read or used.
    pub(crate) fn input(message: impl fmt::Display, cause: Option<&io::Error>) -> Self {
        Self::io(message.to_string(), None, cause)
    }

    /// The system does not let this user.
    pub(crate) fn permission(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Permission,
            ..Self::usage(message)
        }
    }

    /// Somebody ended it.
    pub(crate) fn interrupted(message: impl fmt::Display) -> Self {
        Self {
            kind: Kind::Interrupted,
            ..Self::usage(message)
        }
    }

    /// Something cannot be read or written.
    fn io(message: String, hint: Option<String>, cause: Option<&io::Error>) -> Self {
        let kind = match cause.map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => Kind::Permission,
            _ => Kind::Input,
        };
        let broken_pipe = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe);
        let message = match cause {
            Some(cause) => format!("{message}: {}", said_by_the_system(cause)),
            None => message,
        };
        let full = cause.is_some_and(|cause| cause.kind() == io::ErrorKind::StorageFull);
        let hint = hint.or_else(|| full.then(|| "make room there, or write elsewhere".to_owned()));
        Self {
            kind,
            message,
            hint,
            broken_pipe,
        }
    }

    /// A file that is no capture could not be read.
    pub(crate) fn reading(path: &Path, cause: &io::Error) -> Self {
        Self::io(
            format!("{}: cannot be read", path.display()),
            None,
            Some(cause),
        )
    }

    /// An output could not be written.
    pub(crate) fn writing(path: &Path, cause: &io::Error) -> Self {
        let where_is = cause
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<QueryError>());
        if let Some(error) = where_is {
            return Self::usage(format!("--where: {error}"));
        }
        // The writer of a file may have said already which one it is, and what to do.
        let said = cause
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<OutputError>());
        match said {
            Some(said) => said.into(),
            None => Self::io(
                format!("{}: cannot be written", name(path)),
                None,
                Some(cause),
            ),
        }
    }

    /// Adds a hint.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether it is only that nobody reads our output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.broken_pipe
    }

    /// The process's exit code.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode(match self.kind {
            Kind::Usage => 2,
            Kind::Input => 3,
            Kind::Permission => 4,
            Kind::Interrupted => return ExitCode::INTERRUPTED,
        })
    }

    /// What a person can do about it.
    pub(crate) fn what_to_do(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// What a process says with its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExitCode(u8);

impl ExitCode {
    /// It did what was asked of it.
    pub(crate) const SUCCESS: Self = Self(0);
    /// It did, and what came out of it is not as it was to be.
    pub(crate) const UNMET: Self = Self(1);
    /// Somebody ended it: 128 and the number of SIGINT, as a shell has it.
    pub(crate) const INTERRUPTED: Self = Self(130);

    /// Ends the process, once all is written that was said.
    ///
    /// Not by returning from `main`: the allocator would give back its memory page by page first,
    /// which the system takes at once.
    pub(crate) fn leave(self) -> ! {
        _ = io::stdout().flush();
        _ = io::stderr().flush();
        self.end()
    }

    /// Ends the process as it is.
    pub(crate) fn end(self) -> ! {
        #[cfg(unix)]
        {
            #[expect(
                unsafe_code,
                reason = "ends the process without running anything more of it"
            )]
            // SAFETY: takes a number, touches no memory and does not return. Whatever holds a lock
            // or is half done is over with the process.
            unsafe {
                libc::_exit(i32::from(self.0))
            }
        }
        #[cfg(not(unix))]
        {
            #[expect(clippy::exit, reason = "main ends here")]
            std::process::exit(i32::from(self.0))
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<SourceError> for Failure {
    fn from(mut error: SourceError) -> Self {
        if error.source_name == "-" {
            "standard input".clone_into(&mut error.source_name);
        }
        let hint = error.hint.as_deref().map(str::to_owned);
        let mut failure = Self::io(error.to_string(), hint, error.cause.as_ref());
        // These two the message says in words of its own.
        if let Some(io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) =
            error.cause.as_ref().map(io::Error::kind)
        {
            failure.message = error.to_string();
        }
        failure
    }
}

impl From<&OutputError> for Failure {
    fn from(error: &OutputError) -> Self {
        let name = name(&error.path);
        // Where standard output goes, only the person knows.
        let hint = error.hint.clone().filter(|_| !is_standard(&error.path));
        if error.is_same_file() {
            let failure = Self::usage(format!("{name}: {}: {}", error.action, error.cause));
            return hint.into_iter().fold(failure, Self::hint);
        }
        Self::io(
            format!("{name}: {}", error.action),
            hint,
            Some(&error.cause),
        )
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Self {
        (&error).into()
    }
}

/// An output as people know it.
fn name(path: &Path) -> String {
    if is_standard(path) {
        "standard output".to_owned()
    } else {
        path.display().to_string()
    }
}

/// The system's words without its number, which helps nobody.
fn said_by_the_system(cause: &io::Error) -> String {
    let mut words = cause.to_string();
    if let Some(end) = words.find(" (os error ") {
        words.truncate(end);
    }
    words
}
