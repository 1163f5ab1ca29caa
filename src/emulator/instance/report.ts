/** Takes a message that UML would print into its kernel log: one line, without the newline. */
export type Report = (message: string) => void;
