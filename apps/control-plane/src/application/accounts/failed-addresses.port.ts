/** Addresses from which requests come with tokens or sessions that are none. */
export interface FailedAddresses {
  /** How long the address has to wait, in ms; 0: it may ask. */
  waitMs(address: string): Promise<number>;
  failed(address: string): Promise<void>;
  /**
   * Whether the credential proved right lately. Somebody good behind the same proxy as somebody bad is not kept waiting;
   * who only guesses has none that ever was right.
   */
  isKnown(credential: string): boolean;
  proved(credential: string): void;
}
