export const SourceDifference = () => null;
