export const Pictures = () => null;
