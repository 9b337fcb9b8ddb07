package dev.live.protocol

/** Marks functions that rely on a guarantee of the caller. Opt in only if you can give the guarantee in its KDoc. */
@RequiresOptIn(
    message = "The caller must guarantee what the documentation of this function requires; live does not check it.",
    level = RequiresOptIn.Level.ERROR,
)
@Retention(AnnotationRetention.BINARY)
@Target(AnnotationTarget.FUNCTION)
@MustBeDocumented
public annotation class DelicateLiveApi
