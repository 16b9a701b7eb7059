"""Operations on masks and planes of pixels that several services share."""
