"""What is proved: bounds by elementary arguments, by enumeration, by duality and over extreme points."""
